"""Makes the bundle: debugpy and our guest code as one archive that does not depend on who builds it.

``python -m kubectl_pydebug.bundle.build`` in a checkout; the wheel's build hook (hatch_build.py) calls ``build`` too,
where no dependency of ours is installed. Layout of ``bundle.tar.gz``:

- ``common/debugpy/...``: files that are equal in both releases of debugpy,
- ``1.8.22/debugpy/...``, ``1.8.21/debugpy/...``: those that differ,
- ``boot/debugpy_boot/...``: our guest code, from ``kubectl_pydebug/payload``.

The guest unpacks ``common``, its release and ``boot`` into one folder. gzip and not xz: Pythons without lzma are
served too.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubectl_pydebug.bundle import ARCHIVE, HOOK, INDEX, LICENSES, sha256

PACKAGE = Path(__file__).resolve().parents[1]
PAYLOAD = PACKAGE / "payload"
DATA = PACKAGE / "bundle" / "data"

CONFIG_MAP_LIMIT = 1024 * 1024
"""Bytes: ValidateConfigMap in Kubernetes sums the decoded lengths of data and binaryData."""
MARGIN = 64 * 1024
"""Bytes kept free, so that a slightly larger debugpy is noticed at build time and not in a cluster."""


class BuildError(Exception):
    """The bundle cannot be made; the text says why and what to do."""


@dataclass(frozen=True)
class Wheel:
    """One pinned release of debugpy, as its pure wheel (the only one that also fits arm64 and musl)."""

    version: str
    sha256: str

    @property
    def filename(self) -> str:
        return f"debugpy-{self.version}-py2.py3-none-any.whl"


WHEELS = (
    # Python >= 3.10.
    Wheel("1.8.22", "a9e9d3550e15ca479c59333e90845029190531f0cacfedab3b815a57bd913947"),
    # The last release for Python 3.8 and 3.9.
    Wheel("1.8.21", "b1e37d333663c8851516a47364ef473da127f9caebe4417e6df6f5825a7e9a92"),
)

_PYDEVD = "debugpy/_vendored/pydevd"
_KEEP = (
    # Imported for its name alone, by pydevd.py and by the adapter.
    f"{_PYDEVD}/_pydev_runfiles/__init__.py",
    "debugpy/launcher/__init__.py",
)
_DROP = re.compile(
    "|".join(
        (
            # Attaching to a process by its id: Windows, gdb and lldb. We are in the process already.
            f"{_PYDEVD}/pydevd_attach_to_process/",
            f"{_PYDEVD}/_pydevd_frame_eval/vendored/bytecode/tests/",
            # Running test suites for an Eclipse IDE.
            f"{_PYDEVD}/_pydev_runfiles/",
            # A sitecustomize of PyDev's, which would shadow ours.
            f"{_PYDEVD}/pydev_sitecustomize/",
            # Starts programs for "request": "launch"; here the container starts them.
            "debugpy/launcher/",
            # Generators and build scripts of debugpy's own.
            r".*__main__pydevd_gen[^/]*\.py$",
            r".*setup_pydevd_cython\.py$",
            # Jython.
            r".*jython[^/]*\.py$",
        )
    )
)


def kept(name: str) -> bool:
    """Whether this file of a debugpy wheel goes into the bundle: the ``.py`` files that a server needs."""
    if not name.startswith("debugpy/") or not name.endswith(".py"):
        return False
    return name in _KEEP or not _DROP.match(name)


def build(payload: Path = PAYLOAD, data: Path = DATA, cache: Path | None = None) -> bool:
    """Write the bundle's files into the folder ``data``; False if they were there already, made from the same inputs.

    ``cache`` keeps the downloaded wheels; by default it lies in the user's cache folder. Raises ``BuildError``.
    """
    guest = read_payload(payload)
    inputs = input_hash(guest)
    if _is_current(data, inputs):
        return False
    cache = cache or cache_folder()
    releases = {}
    notices = []
    for wheel in WHEELS:
        with zipfile.ZipFile(fetch(wheel, cache)) as archive:
            releases[wheel.version] = {n: archive.read(n) for n in archive.namelist() if kept(n)}
            notices.append((f"debugpy {wheel.version}", _licences(wheel, archive)))
    members = layout(releases, guest)
    licences = licence_text(notices)
    packed = pack(members)
    files = {HOOK: guest[HOOK], ARCHIVE: packed, LICENSES: licences}
    check_size(files)
    index = {
        "v": 1,
        "input": inputs,
        "payload": {name: sha256(content) for name, content in guest.items()},
        "digest": content_hash(files),
        "files": {name: sha256(files[name]) for name in (ARCHIVE, LICENSES)},
        "debugpy": [wheel.version for wheel in WHEELS],
    }
    data.mkdir(parents=True, exist_ok=True)
    _write(data / ARCHIVE, packed)
    _write(data / LICENSES, licences)
    # Last: with it the folder is complete.
    _write(data / INDEX, (json.dumps(index, indent=2) + "\n").encode())
    return True


def read_payload(payload: Path) -> dict[str, bytes]:
    """The guest code: ``sitecustomize.py`` and every ``.py`` of ``debugpy_boot``, by path relative to ``payload``."""
    paths = [payload / HOOK, *sorted((payload / "debugpy_boot").rglob("*.py"))]
    if not paths[0].is_file() or len(paths) == 1:
        raise BuildError(f"no {HOOK} or no debugpy_boot/*.py in {payload}: the checkout is not complete")
    return {path.relative_to(payload).as_posix(): path.read_bytes() for path in paths}


def layout(releases: Mapping[str, Mapping[str, bytes]], guest: Mapping[str, bytes]) -> dict[str, bytes]:
    """Archive names to contents. ``releases``: version to (name in the wheel to content)."""
    common = {
        name: content
        for name, content in next(iter(releases.values())).items()
        if all(release.get(name) == content for release in releases.values())
    }
    members = {f"common/{name}": content for name, content in common.items()}
    for version, release in releases.items():
        members |= {f"{version}/{name}": content for name, content in release.items() if name not in common}
    members |= {f"boot/{name}": content for name, content in guest.items() if name != HOOK}
    return members


def pack(members: Mapping[str, bytes]) -> bytes:
    """A ``.tar.gz`` that is the same for the same members (and zlib): sorted, no times, no owners, fixed modes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(members[name]))
    packed = io.BytesIO()
    # GzipFile writes its header itself; gzip.compress leaves it to zlib, which names the operating system in it.
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()


def content_hash(contents: Mapping[str, bytes]) -> str:
    """Hex SHA-256 over names and contents in the order of the names; lengths keep the fields apart."""
    total = hashlib.sha256()
    for name in sorted(contents):
        total.update(f"{len(name.encode())} {len(contents[name])}\n{name}\n".encode())
        total.update(contents[name])
    return total.hexdigest()


def input_hash(guest: Mapping[str, bytes]) -> str:
    """Hex SHA-256 of all that decides about the outcome: the guest code and this file with its pins and rules."""
    return content_hash({**guest, "build.py": Path(__file__).read_bytes()})


def licence_text(notices: Sequence[tuple[str, Mapping[str, bytes]]]) -> bytes:
    """One text with every licence file whole; a file that is equal in several releases stands once, with all names.

    ``notices``: (release, file name to content) in the order in which they are to stand.
    """
    titles: dict[bytes, list[str]] = {}
    for release, texts in notices:
        for name, content in texts.items():
            titles.setdefault(content.replace(b"\r\n", b"\n"), []).append(f"{release}: {name}")
    head = (
        b"kubectl-pydebug puts debugpy (which contains pydevd) into the debugged container, unchanged, as source.\n"
        b"Not all of its files are there; the whole source is at https://github.com/microsoft/debugpy.\n"
        b"Its licences follow. kubectl-pydebug itself is under the Apache License, Version 2.0.\n"
    )
    rule = b"=" * 79 + b"\n"
    parts = [b"\n" + rule + "\n".join(names).encode() + b"\n" + rule + b"\n" + text for text, names in titles.items()]
    return head + b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts)


def check_size(files: Mapping[str, bytes]) -> None:
    """Raise ``BuildError`` unless the ConfigMap's files fit, with room to spare."""
    total = sum(len(name) + len(content) for name, content in files.items())
    if total > CONFIG_MAP_LIMIT - MARGIN:
        sizes = ", ".join(f"{name} {len(content):,}" for name, content in files.items())
        raise BuildError(
            f"the ConfigMap would hold {total:,} bytes ({sizes}); at most {CONFIG_MAP_LIMIT - MARGIN:,} are wanted"
        )


def cache_folder() -> Path:
    """Where downloaded wheels are kept: outside the checkout, so that a fresh clone need not download again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kubectl-pydebug" / "wheels"


def fetch(wheel: Wheel, cache: Path) -> Path:
    """The wheel's file, from the cache or from the index that the user's pip is set up for. Raises ``BuildError``."""
    path = cache / wheel.filename
    if path.is_file() and sha256(path.read_bytes()) == wheel.sha256:
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"debugpy=={wheel.version} --hash=sha256:{wheel.sha256}\n")
        options = ("--quiet", "--no-input", "--no-deps", "--require-hashes", "--only-binary", ":all:")
        # Any Python and any platform: leaves nothing but the pure wheel.
        pure = ("--implementation", "py", "--abi", "none", "--platform", "any", "--python-version", "3.10")
        command = (sys.executable, "-m", "pip", "download", *options, *pure, "--dest", folder, "--requirement")
        if subprocess.run((*command, str(wanted)), check=False, stdout=sys.stderr).returncode != 0:
            raise BuildError(
                f"pip could not download debugpy {wheel.version}: see its message above. To build without a network, "
                f"put {wheel.filename} (sha256 {wheel.sha256}) into {cache}"
            )
        found = Path(folder) / wheel.filename
        if not found.is_file() or sha256(found.read_bytes()) != wheel.sha256:
            raise BuildError(f"pip downloaded something else than {wheel.filename} with sha256 {wheel.sha256}")
        found.replace(path)
    return path


def _licences(wheel: Wheel, archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Every licence file of the wheel, by its path there."""
    wanted = re.compile(r"(.*/)?((LICEN[CS]E|COPYING|NOTICE)[^/]*|[^/]*Notices\.txt)$", re.IGNORECASE)
    texts = {name: archive.read(name) for name in sorted(archive.namelist()) if wanted.match(name)}
    if not any(name.endswith("/LICENSE") for name in texts) or "debugpy/ThirdPartyNotices.txt" not in texts:
        raise BuildError(f"{wheel.filename} lacks the licence files that we have to pass on; found {sorted(texts)}")
    return texts


def _is_current(data: Path, inputs: str) -> bool:
    try:
        index = json.loads((data / INDEX).read_bytes())
        hashes = {name: sha256((data / name).read_bytes()) for name in (ARCHIVE, LICENSES)}
    except (OSError, ValueError):
        return False
    return bool(index.get("input") == inputs and index.get("files") == hashes)


def _write(path: Path, content: bytes) -> None:
    """Replace the file in one step: test processes that run side by side may build at the same time."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m kubectl_pydebug.bundle.build",
        description="Make the bundle (debugpy and our guest code) that the wheel carries.",
    )
    parser.add_argument("--force", action="store_true", help="build even if nothing has changed")
    if parser.parse_args().force:
        (DATA / INDEX).unlink(missing_ok=True)
    try:
        made = build()
    except BuildError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    index = json.loads((DATA / INDEX).read_bytes())
    size = (DATA / ARCHIVE).stat().st_size
    print(f"bundle: {'made' if made else 'unchanged'}, {size:,} bytes, digest {index['digest'][:10]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
