"""GUEST CODE: which source files the container has, so that the laptop can find the path mappings by content."""

import hashlib
import os
import sysconfig

SKIP = frozenset(["__pycache__", "node_modules", ".git", "proc", "sys", "dev"])
MOST_FOLDERS = 50000
INSTALLED = (os.sep + "site-packages", os.sep + "dist-packages")


def find(program, names, limit):
    """Every *.py below the program's folders (working directory, script's folder, sys.path without the standard
    library) that may be one of the laptop's.

    program: as in hello. names: {base name: [sizes in bytes]} of the laptop's files. Returns {"cwd", "script",
    "sys_path", "files": [[path, realpath, bytes, sha256]], "truncated"}; a file whose size is not in ``names`` cannot
    be equal: it has the hash "", and is left out where packages are installed.
    """
    cwd = program["cwd"]
    kind, name = program["program"]
    script = os.path.normpath(os.path.join(cwd, name)) if kind == "script" else None
    roots = [cwd] + ([os.path.dirname(script)] if script else [])
    roots += [os.path.join(cwd, entry) for entry in program["sys_path"]]
    stdlib = {os.path.realpath(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib")}
    files, folders_done = [], set()
    for root in roots:
        root = os.path.normpath(root)
        if root == "/" or os.path.realpath(root) in stdlib:
            continue
        for path in walk(root, folders_done, stdlib):
            sizes = names.get(os.path.basename(path))
            entry = sizes is not None and describe(path, sizes)
            if entry:
                files.append(entry)
            if len(files) >= limit or len(folders_done) >= MOST_FOLDERS:
                return answer(program, script, files, True)
    return answer(program, script, files, False)


def answer(program, script, files, truncated):
    return {
        "cwd": program["cwd"],
        "script": script,
        "sys_path": program["sys_path"],
        "files": files,
        "truncated": truncated,
    }


def walk(root, folders_done, stdlib):
    """Paths of *.py below ``root``, through symbolic links, but into no folder twice and into no loop."""
    for folder, folders, names in os.walk(root, followlinks=True):
        if folder in folders_done:
            folders[:] = []
            continue
        folders_done.add(folder)
        folders[:] = sorted(name for name in folders if enters(folder, name, stdlib))
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.join(folder, name)


def enters(folder, name, stdlib):
    if name in SKIP or name.startswith(".."):  # "..data": the inside of a ConfigMap's mount
        return False
    path = os.path.join(folder, name)
    real = os.path.realpath(path)
    loop = os.path.islink(path) and (os.path.realpath(folder) + os.sep).startswith(real + os.sep)
    return real not in stdlib and not loop


def describe(path, sizes):
    try:
        size = os.stat(path).st_size
        if size in sizes and size:
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
        elif any(part in path for part in INSTALLED):
            return None
        else:
            digest = ""
    except OSError:
        return None
    return [path, os.path.realpath(path), size, digest]
