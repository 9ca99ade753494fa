"""The images that the tests' workloads run: bare Pythons, and the examples."""

import json
import platform
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import debian
import engine
from console import Failure, ask, run, say, step
from settings import CACHE, HERE, PINS, REPOSITORY, digest

SOURCE = HERE / "images"
EXAMPLES = REPOSITORY / "examples"
LIST = CACHE / "images.json"
ARCHIVES = CACHE / "images"
SUITES = dict(entry.split(":") for entry in PINS["PYTHON_SUITES"].split())
VERSIONS = sorted([*SUITES, *PINS["PYTHON_ELSEWHERE"].split()], key=lambda version: int(version.partition(".")[2]))
EXAMPLES_PYTHON = PINS["EXAMPLES_PYTHON"]
LIBRARIES = (  # what a Python built from source is usually linked with
    *("libbz2-1.0", "libcrypt1", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libnsl2", "libreadline8"),
    *("libsqlite3-0", "libssl3", "libtirpc3", "libuuid1", "zlib1g"),
)
PREFIX_PARTS = ("bin/python{}", "lib/libpython{}.so.1.0", "lib/python{}")
PREFIX_UNNEEDED = ("test", "tests", "site-packages", "idlelib", "tkinter", "turtledemo", "config-*", "*.opt-*.pyc")


def ensure() -> Path:
    """An archive of all these images; what is out of date is built."""
    hub = engine.registry_answers()
    found = {} if hub else prefixes()
    inputs = digest(
        *(f"hub: {hub}", *PINS.values(), *map(str, found.values()), SOURCE, EXAMPLES / "recipe"),
        *(EXAMPLES / "digits" / part for part in ("src", "entrypoint.sh", "requirements.txt")),
    )
    archive = ARCHIVES / f"{inputs}.tar"
    if not archive.exists():
        build(hub, found, archive)
    return archive


def listed() -> dict[str, str]:
    """Names of the images that were built, by short name."""
    if not LIST.exists():
        raise Failure("no images were built yet: run `cluster up`")
    return json.loads(LIST.read_text())


def prefixes() -> dict[str, Path]:
    """Pythons that pyenv installed on this machine, for the versions that no Debian suite has."""
    root = Path(ask("pyenv", "root") or Path.home() / ".pyenv") / "versions"
    return {
        version: sorted(root.glob(f"{version}.*"))[-1]
        for version in VERSIONS
        if version not in SUITES and any(root.glob(f"{version}.*"))
    }


def build(hub: bool, found: dict[str, Path], archive: Path) -> None:
    bases = {version: f"python:{version}-slim" for version in VERSIONS} if hub else local_bases(found)
    images = {}
    for version, base in bases.items():
        with step(f"building the images of Python {version}"):
            images[version] = docker_build("python", "python", version, base, f"python:{version}", SOURCE)
            for variant in {"3.11": ["env"], "3.13": ["nosh"]}.get(version, []):
                name = f"{version}-{variant}"
                images[name] = docker_build("python", variant, version, base, f"python:{name}", SOURCE)
        say(f"  {ask('docker', 'run', '--rm', images[version], 'python3', '--version')}")
    for missing in set(VERSIONS) - set(bases):
        say(f"no Python {missing} here: neither Docker Hub nor pyenv has it, and tests that need it are skipped")
    for example in ("digits", "recipe"):
        with step(f"building the image of the example {example}"):
            images[example] = build_example(example, images[EXAMPLES_PYTHON])
    with step("saving the images of the workloads"):
        shutil.rmtree(ARCHIVES, ignore_errors=True)
        ARCHIVES.mkdir(parents=True)
        unfinished = archive.with_suffix(".unfinished")
        run("workload-images", "docker", "save", "--output", unfinished, *images.values())
        unfinished.rename(archive)
    LIST.write_text(json.dumps(images, indent=2) + "\n")


def local_bases(found: dict[str, Path]) -> dict[str, str]:
    """Images with a Python each: from Debian's suites, and from prefixes on this machine."""
    debian.require("building images of Python, since no container registry answers,")
    debian.install("debootstrap")
    wanted = {version: (suite, [f"python{version}"]) for version, suite in SUITES.items()}
    if found:
        wanted["libraries"] = (PINS["NODE_SUITE"], LIBRARIES)
    with step(f"bootstrapping Debian {', '.join(SUITES.values())}", about="3 min the first time"):
        with ThreadPoolExecutor(2) as pool:
            archives = list(pool.map(lambda want: debian.root_filesystem(*want), wanted.values()))
        bases = {name: docker_import(archive) for name, archive in zip(wanted, archives, strict=True)}
    for version, prefix in found.items():
        with step(f"copying Python {prefix.name} from this machine"):
            bases[version] = import_prefix(version, prefix, bases["libraries"])
    return {version: bases[version] for version in VERSIONS if version in bases}


def docker_import(archive: Path) -> str:
    name = f"kubectl-pydebug/debian:{archive.stem}"
    if not engine.image_exists(name):
        run("workload-images", "docker", "import", archive, name)
    return name


def import_prefix(version: str, prefix: Path, base: str) -> str:
    with tempfile.TemporaryDirectory(prefix="cluster-") as temporary:
        context = Path(temporary)
        for part in PREFIX_PARTS:
            source, target = prefix / part.format(version), context / "prefix" / part.format(version)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*PREFIX_UNNEEDED))
            elif source.exists():  # a Python linked statically has no library
                shutil.copy(source, target)
        shutil.copy(SOURCE / "prefix.Dockerfile", context)
        return docker_build("prefix", None, version, base, f"prefix:{version}", context)


def build_example(example: str, base: str) -> str:
    source = EXAMPLES / example
    with tempfile.TemporaryDirectory(prefix="cluster-") as temporary:
        context = Path(temporary)
        shutil.copy(SOURCE / "app.Dockerfile", context)
        if example == "digits":  # its Dockerfile puts the files so
            shutil.copytree(source / "src", context / "app", ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(source / "entrypoint.sh", context / "app")
        else:
            (context / "app").mkdir()
            shutil.copy(source / "app.py", context / "app")
        download(source / "requirements.txt", context / "packages")
        return docker_build("app", example, EXAMPLES_PYTHON, base, f"{example}:1", context)


def download(requirements: Path, into: Path) -> None:
    """Unpacks the wheels that the image's Python would get, with this machine's pip."""
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    tags = [f"manylinux{version}_{machine}" for version in ("_2_28", "_2_27", "_2_17", "2014")]
    run(
        "workload-images",
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:", "--no-deps"),
        *(f"--python-version={EXAMPLES_PYTHON}", *(f"--platform={tag}" for tag in tags)),
        *("--target", into, "--requirement", requirements),
    )


def docker_build(file: str, target: str | None, python: str, base: str, tag: str, context: Path) -> str:
    name = f"kubectl-pydebug/{tag}"
    run(
        "workload-images",
        *("docker", "build", f"--file={context / file}.Dockerfile", f"--tag={name}"),
        *([f"--target={target}"] if target else []),
        *(f"--build-arg=BASE={base}", f"--build-arg=PYTHON={python}", context),
    )
    return name
