"""The bundle: what is in it, that it is the same for everybody, that it is never stale."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from kubectl_pydebug import bundle
from kubectl_pydebug.bundle import build

GUEST = {"sitecustomize.py": b"hook", "debugpy_boot/__init__.py": b"", "debugpy_boot/deep/er.py": b"deep"}


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The folder with both wheels of debugpy."""
    cache = build.cache_folder()
    for wheel in build.WHEELS:
        build.fetch(wheel, cache)
    return cache


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    for name, content in GUEST.items():
        path = tmp_path / "payload" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "payload"


@pytest.fixture(scope="session")
def members() -> dict[str, bytes]:
    """The packed files of the checkout's own bundle."""
    build.build()
    with tarfile.open(fileobj=io.BytesIO(bundle.load().files[bundle.ARCHIVE])) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def snapshot(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(data.iterdir())}


def test_load_gives_the_config_maps_files() -> None:
    build.build()
    loaded = bundle.load()
    assert sorted(loaded.files) == ["LICENSES.txt", "bundle.tar.gz", "sitecustomize.py"]
    assert loaded.sha256 == bundle.sha256(loaded.files["bundle.tar.gz"])
    assert loaded.files["sitecustomize.py"] == (build.PAYLOAD / "sitecustomize.py").read_bytes()
    assert re.fullmatch("kubectl-pydebug-[0-9a-f]{10}", loaded.name)
    assert sum(map(len, loaded.files.values())) < build.CONFIG_MAP_LIMIT - build.MARGIN


def test_it_is_the_same_wherever_it_is_built(
    tmp_path: Path, payload: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.build(payload, tmp_path / "one", wheels)
    for path in payload.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("os.listdir", lambda path, real=os.listdir: sorted(real(path), reverse=True))
    previous = os.umask(0o077)
    try:
        build.build(payload, tmp_path / "two", wheels)
    finally:
        os.umask(previous)
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


def test_nothing_of_the_builder_is_in_the_archive(tmp_path: Path, payload: Path, wheels: Path) -> None:
    build.build(payload, tmp_path / "data", wheels)
    packed = (tmp_path / "data" / bundle.ARCHIVE).read_bytes()
    # RFC 1952: flags (no name, no comment), time, then the operating system: unknown.
    assert packed[3:8] == b"\0\0\0\0\0"
    assert packed[9] == 255
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        infos = tar.getmembers()
    assert [info.name for info in infos] == sorted(info.name for info in infos)
    assert {(i.uid, i.gid, i.uname, i.gname, i.mtime, i.mode, i.type) for i in infos} == {
        (0, 0, "", "", 0, 0o644, tarfile.REGTYPE)
    }


def test_the_digest_names_the_very_bytes_that_travel(
    tmp_path: Path, payload: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.build(payload, tmp_path / "one", wheels)
    real = gzip.GzipFile
    monkeypatch.setattr(gzip, "GzipFile", lambda **given: real(**{**given, "compresslevel": 1}))
    build.build(payload, tmp_path / "two", wheels)
    one, two = (json.loads((tmp_path / name / bundle.INDEX).read_bytes()) for name in ("one", "two"))
    assert one["files"][bundle.ARCHIVE] != two["files"][bundle.ARCHIVE]
    assert one["digest"] != two["digest"], "the hook in the pod checks these bytes: one ConfigMap name, one content"


@pytest.mark.parametrize("name", sorted(GUEST))
def test_changed_guest_code_gives_another_digest(tmp_path: Path, payload: Path, wheels: Path, name: str) -> None:
    data = tmp_path / "data"
    assert build.build(payload, data, wheels)
    before = json.loads((data / bundle.INDEX).read_bytes())
    assert not build.build(payload, data, wheels), "nothing has changed"
    (payload / name).write_bytes(b"changed")
    assert build.build(payload, data, wheels)
    after = json.loads((data / bundle.INDEX).read_bytes())
    assert before["digest"] != after["digest"]
    assert sorted(GUEST) == sorted(after["payload"])


def test_a_damaged_bundle_is_built_again(tmp_path: Path, payload: Path, wheels: Path) -> None:
    build.build(payload, tmp_path / "data", wheels)
    good = snapshot(tmp_path / "data")
    (tmp_path / "data" / bundle.ARCHIVE).write_bytes(b"cut off")
    assert build.build(payload, tmp_path / "data", wheels)
    assert snapshot(tmp_path / "data") == good


def test_names_and_contents_cannot_run_into_each_other() -> None:
    assert build.content_hash({"a": b"bc"}) != build.content_hash({"ab": b"c"})
    assert build.content_hash({"a": b"", "b": b""}) != build.content_hash({"a": b"", "b": b"", "c": b""})


def test_a_stale_or_missing_bundle_is_not_loaded(
    tmp_path: Path, payload: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    with pytest.raises(bundle.BundleError, match="make bundle"):
        bundle.load()
    build.build(payload, tmp_path / "bundle" / "data", wheels)
    assert bundle.load().files["sitecustomize.py"] == b"hook"
    (payload / "debugpy_boot" / "deep" / "er.py").write_bytes(b"newer")
    with pytest.raises(bundle.BundleError, match=r"debugpy_boot/deep/er\.py changed.*make bundle"):
        bundle.load()


def test_the_guest_finds_each_release_whole(members: dict[str, bytes], wheels: Path) -> None:
    for wheel in build.WHEELS:
        unpacked = unpack(members, wheel.version)
        with zipfile.ZipFile(wheels / wheel.filename) as archive:
            wanted = {name: archive.read(name) for name in archive.namelist() if build.kept(name)}
        assert {n: c for n, c in unpacked.items() if not n.startswith("debugpy_boot/")} == wanted
        boot = {path.relative_to(build.PAYLOAD).as_posix() for path in (build.PAYLOAD / "debugpy_boot").rglob("*.py")}
        assert {n for n in unpacked if n.startswith("debugpy_boot/")} == boot


def test_no_file_is_in_it_twice(members: dict[str, bytes]) -> None:
    first, second = (wheel.version for wheel in build.WHEELS)
    names = {
        top: {n.partition("/")[2] for n in members if n.startswith(f"{top}/")} for top in ("common", first, second)
    }
    assert not names["common"] & (names[first] | names[second])
    assert all(members[f"{first}/{n}"] != members[f"{second}/{n}"] for n in names[first] & names[second])
    assert {n.partition("/")[0] for n in members} == {"common", first, second, "boot"}


def test_old_pythons_can_read_it(members: dict[str, bytes]) -> None:
    ast.parse(bundle.load().files["sitecustomize.py"], feature_version=(3, 7))
    for name, content in members.items():
        if name.endswith(".py") and not name.startswith("1.8.22/"):
            ast.parse(content, filename=name, feature_version=(3, 8))


@pytest.mark.parametrize("wheel", build.WHEELS, ids=lambda wheel: wheel.version)
def test_nothing_that_is_left_imports_what_was_dropped(wheels: Path, wheel: build.Wheel) -> None:
    """Also lazy imports: those would fail in the middle of somebody's session."""
    with zipfile.ZipFile(wheels / wheel.filename) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}
    left = {module(name) for name in files if build.kept(name)}
    dropped = {module(name) for name in files} - left
    assert "winappdbg" in {name.split(".")[1] for name in dropped if "." in name}, "the scan sees what was dropped"
    broken = [
        (name, node.lineno, target)
        for name in files
        if build.kept(name)
        for node in ast.walk(ast.parse(files[name]))
        for target in targets(node)
        if target in dropped
    ]
    # In a function that only the launcher program calls; the adapter wants the package for its file's name.
    assert broken == [("debugpy/launcher/__init__.py", 18, "debugpy.launcher.handlers")]


def module(path: str) -> str:
    """A file of the wheel as the module that it is imported as: pydevd's folder is on sys.path."""
    return (
        path.removeprefix("debugpy/_vendored/pydevd/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    )


def targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


@pytest.mark.parametrize("wheel", build.WHEELS, ids=lambda wheel: wheel.version)
def test_server_and_adapter_can_be_imported(members: dict[str, bytes], tmp_path: Path, wheel: build.Wheel) -> None:
    for name, content in unpack(members, wheel.version).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport debugpy.server.api, debugpy.adapter.clients, pydevd"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)


def unpack(members: dict[str, bytes], version: str) -> dict[str, bytes]:
    """What the guest has after unpacking: common, one release and boot in one folder."""
    parts = {name: name.partition("/") for name in sorted(members)}
    return {path: members[name] for name, (top, _, path) in parts.items() if top in ("common", version, "boot")}


def test_the_licences_are_whole(wheels: Path) -> None:
    build.build()
    text = bundle.load().files["LICENSES.txt"]
    with zipfile.ZipFile(wheels / build.WHEELS[0].filename) as archive:
        for name in ("debugpy/ThirdPartyNotices.txt", "debugpy-1.8.22.dist-info/licenses/LICENSE"):
            assert archive.read(name).replace(b"\r\n", b"\n") in text
    assert b"Eclipse Public License" in text
    for wheel in build.WHEELS:
        assert f"debugpy {wheel.version}".encode() in text


def test_a_bundle_that_would_not_fit_is_not_built() -> None:
    room = build.CONFIG_MAP_LIMIT - build.MARGIN
    build.check_size({"a": b"x" * (room - 1)})
    with pytest.raises(build.BuildError, match="ConfigMap"):
        build.check_size({"a": b"x" * room})


def test_a_wheel_with_another_hash_is_not_used(tmp_path: Path, wheels: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = build.Wheel("1.8.22", "0" * 64)
    (tmp_path / wrong.filename).write_bytes((wheels / wrong.filename).read_bytes())
    with pytest.raises(build.BuildError, match="see its message above"):
        build.fetch(wrong, tmp_path)
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err


def test_a_payload_that_is_not_complete_is_refused(payload: Path) -> None:
    (payload / "sitecustomize.py").unlink()
    with pytest.raises(build.BuildError, match="not complete"):
        build.read_payload(payload)
