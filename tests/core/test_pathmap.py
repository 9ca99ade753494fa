from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_pydebug.core.model import PathMapping
from kubectl_pydebug.core.pathmap import BY_NAME, LocalFile, RemoteFile, map_paths

ROOT = "/home/me/checkout"


def local(files: Mapping[str, str]) -> list[LocalFile]:
    return [LocalFile(path, len(text), digest(text)) for path, text in files.items()]


def remote(files: Mapping[str, str], links: Mapping[str, str] | None = None) -> list[RemoteFile]:
    """``links``: path as run -> real path; others are their own real path."""
    return [RemoteFile(path, (links or {}).get(path, path), len(text), digest(text)) for path, text in files.items()]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def roots(mappings: Iterable[PathMapping]) -> list[tuple[str, str]]:
    return [(m.local_root.removeprefix(ROOT).removeprefix("/") or ".", m.remote_root) for m in mappings]


def translate(path: str, pairs: Iterable[tuple[str, str]]) -> str | None:
    """As debugpy does it: the first root that fits, folders before files (``setup_client_server_paths``)."""
    pairs = list(pairs)
    for old, new in pairs:
        if path.startswith(old.rstrip("/") + "/"):
            return new.rstrip("/") + "/" + path[len(old.rstrip("/")) + 1 :]
    return next((new for old, new in pairs if path == old), None)


def to_local(mappings: Iterable[PathMapping], path: str) -> str | None:
    found = translate(path, [(m.remote_root, m.local_root) for m in mappings])
    return found.removeprefix(ROOT + "/") if found else found


def to_remote(mappings: Iterable[PathMapping], path: str) -> str | None:
    return translate(f"{ROOT}/{path}", [(m.local_root, m.remote_root) for m in mappings])


def test_a_src_layout_wins_over_a_decoy_of_the_same_name() -> None:
    found = map_paths(
        ROOT,
        local({"src/digits/train.py": "train", "src/digits/data.py": "data", "tools/train.py": "another"}),
        remote({"/app/digits/train.py": "train", "/app/digits/data.py": "data"}),
    )
    assert found == (PathMapping(f"{ROOT}/src", "/app", "2 of 2 files equal"),)


def test_the_decoy_wins_when_it_is_the_equal_one() -> None:
    files = {"src/train.py": "old", "tools/train.py": "new"}
    assert roots(map_paths(ROOT, local(files), remote({"/app/train.py": "new"}))) == [("tools", "/app")]


def test_the_whole_tree() -> None:
    files = {"train.py": "a", "pkg/model.py": "b", "pkg/sub/deep.py": "c"}
    found = map_paths(ROOT, local(files), remote({f"/app/{path}": text for path, text in files.items()}))
    assert found == (PathMapping(ROOT, "/app", "3 of 3 files equal"),)


def test_packages_that_went_to_different_places() -> None:
    files = {"libs/one/one/a.py": "a", "libs/two/two/b.py": "b", "job/main.py": "main"}
    there = {"/opt/one/a.py": "a", "/srv/two/b.py": "b", "/app/main.py": "main"}
    found = map_paths(ROOT, local(files), remote(there))
    assert set(roots(found)) == {("libs/one/one", "/opt/one"), ("libs/two", "/srv"), ("job", "/app")}


def test_two_places_whose_widest_roots_would_claim_the_same_checkout() -> None:
    files = {"tests/a.py": "a", "pkg/x.py": "x", "pkg/y.py": "y"}
    found = map_paths(
        ROOT, local(files), remote({"/srv/tests/a.py": "a", "/code/pkg/x.py": "x", "/code/pkg/y.py": "y"})
    )
    assert to_remote(found, "tests/a.py") == "/srv/tests/a.py"
    assert to_remote(found, "pkg/x.py") == "/code/pkg/x.py"
    assert to_local(found, "/srv/tests/a.py") == "tests/a.py"


def test_site_packages_itself_is_never_a_root() -> None:
    files = {"src/digits/train.py": "a", "src/digits/sub/x.py": "b", "src/single.py": "c"}
    place = "/usr/local/lib/python3.11/site-packages"
    there = {f"{place}/{path.removeprefix('src/')}": text for path, text in files.items()}
    found = map_paths(ROOT, local(files), remote(there))
    assert roots(found) == [("src/single.py", f"{place}/single.py"), ("src/digits", f"{place}/digits")] or roots(
        found
    ) == [("src/digits", f"{place}/digits"), ("src/single.py", f"{place}/single.py")]
    assert to_local(found, f"{place}/torch/nn.py") is None
    assert to_local(found, f"{place}/single.py") == "src/single.py"


def test_files_that_lie_in_the_container_s_root() -> None:
    files = {"app/train.py": "a", "app/pkg/x.py": "x"}
    found = map_paths(ROOT, local(files), remote({"/train.py": "a", "/pkg/x.py": "x"}))
    assert sorted(roots(found)) == [("app/pkg", "/pkg"), ("app/train.py", "/train.py")]
    assert to_local(found, "/usr/lib/python3.11/json/__init__.py") is None


def test_code_from_a_config_map_is_mapped_by_both_its_names() -> None:
    files = {"job/train.py": "a", "job/data.py": "b"}
    links = {f"/code/{name}": f"/code/..2026_11_23/{name}" for name in ("train.py", "data.py")}
    found = map_paths(ROOT, local(files), remote({"/code/train.py": "a", "/code/data.py": "b"}, links))
    assert roots(found) == [("job", "/code/..2026_11_23"), ("job", "/code")]
    assert to_local(found, "/code/train.py") == to_local(found, "/code/..2026_11_23/train.py") == "job/train.py"


def test_a_symlink_to_another_depth() -> None:
    found = map_paths(
        ROOT, local({"src/pkg/a.py": "a"}), remote({"/app/pkg/a.py": "a"}, {"/app/pkg/a.py": "/git/rev1/src/pkg/a.py"})
    )
    assert to_local(found, "/app/pkg/a.py") == to_local(found, "/git/rev1/src/pkg/a.py") == "src/pkg/a.py"
    assert to_remote(found, "src/pkg/a.py") in ("/app/pkg/a.py", "/git/rev1/src/pkg/a.py")


def test_differing_files_follow_the_equal_ones_and_are_counted() -> None:
    here = {f"src/pkg/m{n}.py": f"text {n}" for n in range(14)} | {"src/pkg/new.py": "only here"}
    there = {f"/app/pkg/m{n}.py": f"text {n}" if n > 1 else "drifted" for n in range(14)} | {"/app/pkg/gone.py": "x"}
    assert map_paths(ROOT, local(here), remote(there)) == (PathMapping(f"{ROOT}/src", "/app", "12 of 14 files equal"),)


def test_more_equal_files_win() -> None:
    here = {"v1/a.py": "a", "v1/b.py": "old", "v1/c.py": "old c", "v2/a.py": "a", "v2/b.py": "b", "v2/c.py": "c"}
    found = map_paths(ROOT, local(here), remote({"/app/a.py": "a", "/app/b.py": "b", "/app/c.py": "c"}))
    assert found == (PathMapping(f"{ROOT}/v2", "/app", "3 of 3 files equal"),)


def test_a_file_that_was_moved_since_does_not_take_its_old_neighbours_along() -> None:
    here = {"src/pkg/a.py": "a", "src/pkg/b.py": "b", "src/new/place.py": "moved"}
    there = {"/app/pkg/a.py": "a", "/app/pkg/b.py": "b", "/app/pkg/place.py": "moved"}
    found = map_paths(ROOT, local(here), remote(there))
    assert to_local(found, "/app/pkg/a.py") == "src/pkg/a.py"
    assert to_remote(found, "src/pkg/b.py") == "/app/pkg/b.py"


def test_equal_empty_files_do_not_vote() -> None:
    here = {"pkg/__init__.py": "", "tests/__init__.py": "", "src/main.py": "main"}
    there = {f"/lib{n}/tests/__init__.py": "" for n in range(20)} | {"/app/main.py": "main"}
    assert roots(map_paths(ROOT, local(here), remote(there))) == [("src", "/app")]


def test_content_that_is_everywhere_does_not_vote() -> None:
    here = {f"pkg{n}/__init__.py": "# licence " * 20 for n in range(20)} | {"src/main.py": "main"}
    there = {"/other/pkg3/__init__.py": "# licence " * 20, "/app/main.py": "main"}
    assert roots(map_paths(ROOT, local(here), remote(there))) == [("src", "/app")]


def test_of_two_equal_candidates_the_one_nearer_to_the_root() -> None:
    files = ["build/lib/pkg/a.py", "src/pkg/a.py", "vendor/pkg/a.py"]
    for order in (files, files[::-1]):
        found = map_paths(ROOT, local(dict.fromkeys(order, "same")), remote({"/app/pkg/a.py": "same"}))
        assert found == (PathMapping(f"{ROOT}/src", "/app", "1 of 1 files equal"),)


def test_of_two_copies_in_the_container_the_first_gets_the_breakpoints() -> None:
    place = "/usr/lib/python3/site-packages/pkg"
    for first, second in (("/app/pkg", place), (place, "/app/pkg")):
        there = {f"{first}/a.py": "a", f"{second}/a.py": "a"}
        found = map_paths(ROOT, local({"pkg/a.py": "a"}), remote(there))
        assert {to_local(found, path) for path in there} == {"pkg/a.py"}
    copies = map_paths(ROOT, local({"src/a.py": "a"}), remote({"/z/a.py": "a", "/longer/a.py": "a"}))
    assert to_remote(copies, "src/a.py") == "/z/a.py"


SITE = "/usr/lib/python3/site-packages"


@pytest.mark.parametrize(
    ("layout", "sys_path", "hit"),
    [
        ("", ["/app", SITE], "/app/pkg/a.py"),
        ("", ["/usr/local/bin", SITE], f"{SITE}/pkg/a.py"),
        ("src/", ["/app", SITE], f"{SITE}/pkg/a.py"),
        ("src/", ["/app", "/app/src", SITE], "/app/src/pkg/a.py"),
    ],
)
def test_of_what_was_copied_and_installed_the_imported_copy_gets_the_breakpoints(
    layout: str, sys_path: list[str], hit: str
) -> None:
    here = {"train.py": "t", f"{layout}pkg/__init__.py": "", f"{layout}pkg/a.py": "a", f"{layout}pkg/b.py": "b"}
    there = {f"/app/{path}": text for path, text in here.items()}
    there |= {f"{SITE}/pkg/{name}.py": name for name in "ab"}
    for files in (remote(there), remote(there)[::-1]):
        found = map_paths(ROOT, local(here), files, sys_path=sys_path)
        assert to_remote(found, f"{layout}pkg/a.py") == hit
        assert to_local(found, hit) == f"{layout}pkg/a.py"
        assert to_remote(found, "train.py") == "/app/train.py"


def test_of_two_copies_beside_each_other_the_imported_one_gets_the_breakpoints() -> None:
    there = {"/one/pkg/a.py": "a", "/two/pkg/a.py": "a"}
    for first, second in (("/one", "/two"), ("/two", "/one")):
        here = local({"src/pkg/a.py": "a", "src/pkg/__init__.py": ""})
        found = map_paths(ROOT, here, remote(there), sys_path=[first, second])
        assert to_remote(found, "src/pkg/a.py") == f"{first}/pkg/a.py"
        assert {to_local(found, path) for path in there} == {"src/pkg/a.py"}


def test_the_imported_copy_may_be_a_link() -> None:
    links = {"/code/train.py": "/code/..2026/train.py"}
    found = map_paths(ROOT, local({"job/train.py": "a"}), remote({"/code/train.py": "a"}, links), sys_path=["/code"])
    assert roots(found) == [("job", "/code/..2026"), ("job", "/code")]


def test_a_stale_copy_does_not_take_the_breakpoints() -> None:
    here = {"train.py": "t", "pkg/a.py": "a", "pkg/b.py": "b", "pkg/c.py": "c"}
    stale = {"/usr/lib/python3/site-packages/pkg/a.py": "a", "/usr/lib/python3/site-packages/pkg/b.py": "old"}
    found = map_paths(ROOT, local(here), remote({f"/app/{path}": text for path, text in here.items()} | stale))
    assert [to_remote(found, path) for path in here] == [f"/app/{path}" for path in here]


def test_a_small_init_file_that_is_equal_by_chance_claims_no_folder() -> None:
    here = {"src/pkg/__init__.py": "from .a import *", "src/pkg/a.py": "a"}
    there = {
        "/app/pkg/__init__.py": "from .a import *",
        "/app/pkg/a.py": "a",
        "/venv/foreign/__init__.py": "from .a import *",
    }
    assert roots(map_paths(ROOT, local(here), remote(there))) == [("src", "/app")]


def test_a_file_tree_laid_over_the_container_s_root() -> None:
    files = {"rootfs/usr/local/tool/x.py": "x", "rootfs/app/y.py": "y", "rootfs/opt/z/z.py": "z"}
    found = map_paths(ROOT, local(files), remote({path.removeprefix("rootfs"): text for path, text in files.items()}))
    assert sorted(roots(found)) == [
        ("rootfs/app", "/app"),
        ("rootfs/opt/z", "/opt/z"),
        ("rootfs/usr/local/tool", "/usr/local/tool"),
    ]


def test_the_deeper_local_root_comes_before_a_longer_remote_one() -> None:
    here = {"a.py": "a", "b.py": "b", "pkg/c.py": "c"}
    there = {"/usr/src/application/a.py": "a", "/usr/src/application/b.py": "b", "/o/c.py": "c"}
    found = map_paths(ROOT, local(here), remote(there))
    assert roots(found) == [("pkg", "/o"), (".", "/usr/src/application")]


def test_a_pair_that_no_order_can_serve_is_not_made() -> None:
    here = {"a.py": "a", "b.py": "b", "pkg/c.py": "c"}
    found = map_paths(ROOT, local(here), remote({"/app/x/a.py": "a", "/app/x/b.py": "b", "/app/c.py": "c"}))
    assert roots(found) == [(".", "/app/x")]


def test_the_deeper_remote_root_comes_first() -> None:
    here = {"a.py": "a", "b.py": "b", "third/x.py": "x", "third/y.py": "y"}
    there = {"/app/a.py": "a", "/app/b.py": "b", "/app/vendor/x.py": "x", "/app/vendor/y.py": "y"}
    assert roots(map_paths(ROOT, local(here), remote(there))) == [("third", "/app/vendor"), (".", "/app")]


def test_names_decide_when_nothing_is_equal() -> None:
    here = {"src/pkg/train.py": "new", "src/pkg/data.py": "new too", "tools/train.py": "x"}
    there = {"/app/pkg/train.py": "old", "/app/pkg/data.py": "old too"}
    assert map_paths(ROOT, local(here), remote(there)) == (PathMapping(f"{ROOT}/src", "/app", BY_NAME),)


def test_by_name_one_local_file_is_one_remote_file() -> None:
    here = {"src/pkg/utils.py": "new", "src/pkg/train.py": "new"}
    there = {"/app/pkg/utils.py": "old", "/app/pkg/train.py": "old", "/foreign/utils.py": "theirs"}
    assert roots(map_paths(ROOT, local(here), remote(there))) == [("src", "/app")]


def test_nothing_in_common() -> None:
    assert map_paths(ROOT, local({"a.py": "a"}), remote({"/app/b.py": "b"})) == ()
    assert map_paths(ROOT, (), remote({"/app/b.py": "b"})) == ()
    assert map_paths(ROOT, local({"a.py": "a"}), ()) == ()


def test_windows_roots() -> None:
    (found,) = map_paths("C:\\work\\", local({"a/src/x.py": "x"}), remote({"/app/x.py": "x"}), windows=True)
    assert found.local_root == "C:\\work\\a\\src"


@pytest.mark.parametrize("path", ["/app/\udcff/a.py", "relative/a.py", ""])
def test_remote_names_that_cannot_be_used_are_left_out(path: str) -> None:
    assert map_paths(ROOT, local({"src/a.py": "a"}), remote({path: "a"})) == ()


def test_names_with_spaces_and_other_alphabets() -> None:
    found = map_paths(ROOT, local({"my src/größe.py": "a"}), remote({"/ä b/größe.py": "a"}))
    assert roots(found) == [("my src", "/ä b")]


parts = st.sampled_from(["a", "b", "src", "pkg", "lib2"])
folders = st.lists(parts, max_size=3).map("/".join)
modules = st.sampled_from(["x.py", "y.py", "__init__.py", "train.py"])


@st.composite
def deployments(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Checkout, container, and where each copied file has gone. What is copied are folders that do not overlap, into
    places that do not; contents are unique."""
    places = draw(st.lists(st.tuples(folders, modules), min_size=1, max_size=12, unique=True))
    here = {"/".join(filter(None, place)): f"text of {place} " * 9 for place in places}
    sources = draw(st.lists(folders, min_size=1, max_size=3, unique=True))
    there: dict[str, str] = {}
    gone: dict[str, str] = {}
    for number, source in enumerate(sources):
        if any(inside(source, other) or inside(other, source) for other in sources[:number]):
            continue
        target = f"/place{number}" + draw(st.sampled_from(["", "/pkg", "/src", "/src/a"]))
        for path, text in here.items():
            if inside(path, source):
                goal = f"{target}/{path[len(source) + 1 if source else 0 :]}"
                gone[path] = goal
                there[goal] = text if draw(st.integers(0, 4)) else text + "drift"
    there |= {f"/foreign/{name}": "foreign" for name in draw(st.lists(modules, max_size=2))}
    return here, there, gone


def inside(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(folder + "/")


@settings(deadline=None, max_examples=60)
@given(deployments())
def test_every_equal_file_is_found_in_both_directions(case: tuple[dict[str, str], ...]) -> None:
    here, there, gone = case
    found = map_paths(ROOT, local(here), remote(there))
    for path, goal in gone.items():
        if there[goal] == here[path]:
            assert to_local(found, goal) == path
            assert to_remote(found, path) == goal


@settings(deadline=None, max_examples=60)
@given(deployments(), st.randoms())
def test_the_order_of_the_files_does_not_matter(case: tuple[dict[str, str], ...], random: object) -> None:
    here, there, _ = case
    mine, theirs = local(here), remote(there)
    before = map_paths(ROOT, mine, theirs)
    random.shuffle(mine)  # type: ignore[attr-defined]
    assert map_paths(ROOT, mine, theirs) == before


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.builds("{}/{}".format, folders, modules), st.sampled_from("abc"), max_size=10),
    st.dictionaries(st.builds("/{}/{}".format, folders, modules), st.sampled_from("abc"), max_size=10),
)
def test_roots_are_nested_in_the_order_that_debugpy_needs(here: dict[str, str], there: dict[str, str]) -> None:
    found = map_paths(ROOT, local(here), remote(there))
    for number, early in enumerate(found):
        for late in found[number + 1 :]:
            assert not late.remote_root.startswith(early.remote_root.rstrip("/") + "/")
            assert not late.local_root.startswith(early.local_root + "/")
