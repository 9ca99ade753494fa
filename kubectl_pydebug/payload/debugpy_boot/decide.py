"""GUEST CODE: is this Python the program, a child of it, or none of our business? Pure, but for two readers."""

import fnmatch
import os
import sys

PARENT = "KUBECTL_PYDEBUG_PARENT"
"""Environment: the process id of the nearest debugged ancestor."""

HELPER_MODULES = frozenset(
    "ansible black build compileall ensurepip flake8 idlelib isort json lib2to3 mypy pip pipx platform poetry "
    "py_compile pydoc pylint ruff setuptools site sysconfig tabnanny tarfile tokenize twine uv venv virtualenv wheel "
    "zipapp zipfile".split()
)
HELPER_SCRIPTS = frozenset(
    "2to3 ansible ansible-playbook aws az black chardetect conda conda-env dvc easy_install flake8 gcloud.py gsutil "
    "gsutil.py hf huggingface-cli isort kaggle lsb_release mamba mypy normalizer pip pip2 pip3 pipenv pipx poetry "
    "pre-commit py3clean py3compile pycompile pydoc pydoc3 pylint ruff s3cmd supervisorctl supervisord uv virtualenv "
    "wandb wheel".split()
)
"""Programs that wrappers call on the way to the real one: neither held up nor debugged, unless --program names them."""

TRACKERS = ("resource_tracker import main", "semaphore_tracker import main")
SPAWNED = ("from multiprocessing.spawn import", "from multiprocessing.forkserver import", "popen_loky_posix")
WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


def parse(argv):
    """What the interpreter was told to run: ("script" | "module" | "code", name), or (None, "") for standard input.

    https://docs.python.org/3/using/cmdline.html#command-line
    """
    rest = list(argv[1:])
    while rest:
        word = rest.pop(0)
        if word in WITH_VALUE:
            rest[:1] = []
        elif word == "-":
            return None, ""
        elif word.startswith("--"):
            continue
        elif word.startswith("-"):
            for at, letter in enumerate(word[1:], 1):
                if letter in "cm":
                    name = word[at + 1 :] or (rest[0] if rest else "")
                    return ("code" if letter == "c" else "module"), name
                if letter in "WX":
                    if not word[at + 1 :]:
                        rest[:1] = []
                    break
        else:
            return "script", word
    return None, ""


def role(argv, environ, wanted, chain):
    """ "program", "child" or None.

    argv: the interpreter's command line. environ: its environment. wanted: the glob of --program or None.
    chain: process ids from this one up to the first ancestor, as ancestors() gives them.
    """
    kind, name = parse(argv)
    first = chain[0] == 1
    if kind is None and not first:
        return None
    if kind == "code" and any(mark in name for mark in TRACKERS):
        return None
    base = os.path.basename(name)
    if kind == "script" and ("/debugpy/adapter" in name or "/debugpy/launcher" in name):
        return None
    if chain[-1] == 0 and 1 not in chain:
        return None  # started from outside (an exec probe, kubectl exec): its ancestors end without passing process 1
    if kind in ("code", "module") and any(mark in name for mark in SPAWNED):
        return "child"
    if wanted is not None:
        words = (name, base) if kind == "script" else (name,)
        if any(fnmatch.fnmatchcase(word, wanted) for word in words):
            return "program"
        return "child" if PARENT in environ else None
    if kind == "module" and name.partition(".")[0] in HELPER_MODULES:
        return None
    if kind == "script" and is_helper_script(base):
        return None
    if PARENT in environ:
        return "child"
    if kind == "code" and not first:
        return None
    return "program"


def is_helper_script(base):
    return base in HELPER_SCRIPTS or base.startswith(("pip3.", "pydoc3."))


def command_line():
    """The interpreter's own command line: sys.argv is not there yet while ``site`` runs."""
    words = getattr(sys, "orig_argv", None)
    if words:
        return list(words)
    with open("/proc/self/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]


def ancestors():
    """Process ids from this one upwards, ending with 1 or, from outside of the container's tree, with 0.

    With a shared process namespace process 1 is the pause container, which is nobody's ancestor: [pid, 1] then.
    """
    chain = [os.getpid()]
    try:
        with open("/proc/1/comm") as file:
            if file.read().strip() == "pause":
                return chain + [1]
        while chain[-1] > 1 and len(chain) < 100:
            with open("/proc/{}/stat".format(chain[-1])) as file:
                chain.append(int(file.read().rpartition(")")[2].split()[1]))
    except (OSError, ValueError):
        return chain + [1]
    return chain
