"""Debian as a source: packages for this machine, packages of another suite, root file systems."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from console import Failure, ask, run, step
from settings import CACHE, digest

APT = Path("/etc/apt")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
UNNEEDED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "var/cache/apt",
    "var/lib/apt/lists",
)


def require(purpose: str) -> None:
    if os.geteuid() or not shutil.which("apt-get"):
        raise Failure(
            f"{purpose} needs root on a Debian machine: run this as root there, "
            "or where Docker runs and can pull kindest/node"
        )


def mirror() -> str:
    """The archive that this machine is set up to use."""
    for file in [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        for line in file.read_text().splitlines():
            words = line.partition("#")[0].split()
            if words[:1] in (["deb"], ["URIs:"]):
                for word in words[1:]:
                    if "://" in word and word.rstrip("/").endswith("/debian"):
                        return word.rstrip("/")
    raise Failure(f"no Debian archive is configured under {APT}: add one to its sources and try again")


def install(*packages: str) -> None:
    """Installs what is missing of these packages on this machine."""
    missing = [name for name in packages if "ok installed" not in (ask("dpkg-query", "-Wf${Status}", name) or "")]
    if not missing:
        return
    require(f"installing {' '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {' '.join(missing)}"):
        run("apt", "apt-get", "update", **quiet)
        run("apt", "apt-get", "install", "-y", "--no-install-recommends", *missing, **quiet)


def unpack(suite: str | None, packages: Iterable[str], into: Path) -> list[str]:
    """Unpacks packages of a suite (None: this machine's own) into a folder; nothing gets installed."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as temporary:
        work = Path(temporary)
        options = ["-o", "APT::Sandbox::User=root"]
        if suite:
            (work / "lists" / "partial").mkdir(parents=True)
            (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
            options += [
                *("-o", f"Dir::Etc::SourceList={work}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null"),
                *("-o", f"Dir::State::Lists={work}/lists"),
                *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
            ]
        run("apt", "apt-get", *options, "update")
        run("apt", "apt-get", *options, "download", *packages, cwd=work)
        into.mkdir(parents=True, exist_ok=True)
        archives = sorted(work.glob("*.deb"))
        for archive in archives:
            run("apt", "dpkg-deb", "-x", archive, into)
        return [str(ask("dpkg-deb", "-W", "--showformat=${Package} ${Version}", archive)) for archive in archives]


def root_filesystem(suite: str, packages: Iterable[str]) -> Path:
    """A tar of a minimal Debian with these packages; built once."""
    packages = sorted(packages)
    archive = CACHE / "rootfs" / f"{suite}-{digest(suite, *packages, *UNNEEDED)}.tar"
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    scripts = Path("/usr/share/debootstrap/scripts")
    script = scripts / suite if (scripts / suite).exists() else scripts / "sid"
    with tempfile.TemporaryDirectory(prefix="cluster-", dir=archive.parent) as temporary:
        root = Path(temporary) / "root"
        run(
            f"debootstrap-{archive.stem}",
            *("debootstrap", "--variant=minbase", f"--include={','.join(packages)}"),
            *(suite, root, mirror(), script),
        )
        for folder in UNNEEDED:
            shutil.rmtree(root / folder, ignore_errors=True)
        unfinished = Path(temporary) / "tar"
        run("tar", "tar", "--numeric-owner", "--exclude=./dev/*", "-C", root, "-cf", unfinished, ".")
        unfinished.rename(archive)
    return archive
