"""The container engine: the one that runs, or else one of our own."""

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

import debian
from console import LOGS, Failure, ask, say, step
from settings import CACHE, PINS, digest

HOME = CACHE / "engine"
DATA = HOME / "data"
RECORD = HOME / "started.pid"
SUITE, PACKAGES = PINS["ENGINE_SUITE"], ("docker.io", "docker-cli", "containerd")
OWN = HOME / f"debian-{SUITE}-{digest(SUITE, *PACKAGES)}"
OWN_PATH = [str(OWN / "usr" / "sbin"), str(OWN / "usr" / "bin")]


def ensure() -> bool:
    """Makes `docker` answer; tells whether it did before."""
    if answers():
        return True
    start()
    return False


def use_own_client() -> None:
    """Puts our `docker` behind whatever is installed."""
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *OWN_PATH])


def answers() -> bool:
    return ask("docker", "info", "--format={{.ServerVersion}}", timeout=20) is not None


def start() -> None:
    if os.environ.get("DOCKER_HOST"):
        raise Failure("DOCKER_HOST is set but no engine answers there: start that engine, or unset DOCKER_HOST")
    if os.geteuid() or not Path("/proc").exists():
        raise Failure("no container engine answers: start Docker and try again")
    dockerd = installed() or own()
    LOGS.mkdir(parents=True, exist_ok=True)
    DATA.mkdir(parents=True, exist_ok=True)
    pidfile = HOME / "dockerd.pid"
    pidfile.unlink(missing_ok=True)  # left by one that was killed
    log = LOGS / "dockerd.log"
    with step("starting the container engine"), log.open("ab") as output:
        process = subprocess.Popen(
            [dockerd, f"--data-root={DATA}", f"--pidfile={pidfile}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=os.environ | {"PATH": os.pathsep.join([*OWN_PATH, os.environ["PATH"]])},
        )
        RECORD.write_text(f"{process.pid}\n")
        deadline = time.monotonic() + 60
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"dockerd did not start: see the end of {log}, mend what it names and try again")
            time.sleep(0.2)


def installed() -> str | None:
    """The machine's dockerd, unless it asks for capabilities that it does not have (before 23)."""
    dockerd = shutil.which("dockerd")
    version = re.search(r"version (\d+)", ask(dockerd, "--version") or "") if dockerd else None
    return dockerd if version and int(version[1]) >= 23 else None


def own() -> str:
    """Debian's engine, unpacked into the cache, where it disturbs nothing that is installed."""
    debian.require("starting a container engine")
    debian.install("iptables")
    if not OWN.exists():
        unfinished = OWN.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        with step(f"fetching the container engine from Debian {SUITE}"):
            got = debian.unpack(SUITE, PACKAGES, unfinished)
            got += debian.unpack(None, ["runc"], unfinished)  # one that this machine's C library can run
            unfinished.rename(OWN)
        say(f"  {', '.join(got)}")
    return f"{OWN_PATH[0]}/dockerd"


def started() -> int | None:
    """The process id of the engine that we started, if it still runs."""
    try:
        pid = int(RECORD.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if f"--data-root={DATA}".encode() in command.split(b"\0") else None


def stop() -> None:
    """Stops the engine if it is the one that we started."""
    pid = started()
    if pid:
        with step("stopping the container engine"):
            os.kill(pid, signal.SIGTERM)
            while started():
                time.sleep(0.1)
    RECORD.unlink(missing_ok=True)


def image_exists(name: str) -> bool:
    return ask("docker", "image", "inspect", "--format={{.Id}}", name) is not None


@cache
def registry_answers() -> bool:
    """Whether Docker Hub can be reached from here."""
    try:
        urllib.request.urlopen("https://registry-1.docker.io/v2/", timeout=4)
    except urllib.error.HTTPError as error:
        return error.code == 401  # it asks who we are: that is its answer to everybody
    except OSError:
        return False
    return True
