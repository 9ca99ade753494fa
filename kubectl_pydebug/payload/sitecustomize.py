"""GUEST CODE: our way into an interpreter of the target container.

Found first on PYTHONPATH, so ``site`` imports it at the start of every Python there.

Contract
- Reads: environment KUBECTL_PYDEBUG (JSON, see core/inject.py) and PYTHONPATH; the folder that it lies in (the mounted
  ConfigMap: bundle.tar.gz); RUN/image-pythonpath (the image's own PYTHONPATH, when an init container wrote it).
- Writes: RUN (an emptyDir): the unpacked bundle; on a fault the container's termination message.
- Never raises a fault of ours, never prints, never ends the app: on any doubt the app runs undebugged.
- Parses on every Python from 2.7 on, since it is imported by every Python of the container; debugs 3.8 and later.
"""

import os
import sys

RUN = os.environ.get("KUBECTL_PYDEBUG_RUN", "/kubectl-pydebug/run")
UNSET = ("$(PYTHONPATH)", "$(KUBECTL_PYDEBUG_PYTHONPATH)")  # what kubelet leaves when there was nothing to expand
OLDEST = (3, 8)


def restore_path(hook):
    """Make sys.path and PYTHONPATH what they would be without us; only children still find ``hook`` in PYTHONPATH."""
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    given = [entry for entry in entries if entry != hook]
    for unset in UNSET:
        if unset in given:
            at = given.index(unset)
            given[at : at + 1] = image_path()
    os.environ["PYTHONPATH"] = os.pathsep.join([hook] + given)
    at = sys.path.index(hook) if hook in sys.path else 0
    absolute = [os.path.abspath(entry) for entry in given]
    ours = set([hook] + [os.path.abspath(entry) for entry in UNSET] + list(UNSET) + absolute + given)
    before = [entry for entry in sys.path[:at] if entry not in ours]
    sys.path[:] = before + absolute + [entry for entry in sys.path[at:] if entry not in ours]


def image_path():
    try:
        with open(os.path.join(RUN, "image-pythonpath")) as file:
            text = file.read()
    except (IOError, OSError):
        return []
    return text.split(os.pathsep) if text else []


def run_shadowed():
    """Run the sitecustomize that ours hides (Debian and conda ship one, images add their own)."""
    if sys.version_info < (3, 4):
        import imp

        try:
            found = imp.find_module("sitecustomize", sys.path)
        except ImportError:
            return
        imp.load_module("sitecustomize", *found)
        return
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    ours = sys.modules.get("sitecustomize")
    module = sys.modules["sitecustomize"] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules["sitecustomize"] = ours
        raise


def unpack(hook, config):
    """Unpack the bundle once for all Pythons of the container; returns its folder.

    The archive holds common/, one folder per debugpy release and boot/: see bundle/build.py.
    """
    import fcntl

    digest = config["sha256"]
    release = "1.8.22" if sys.version_info >= (3, 10) else "1.8.21"
    folder = os.path.join(RUN, release + "-" + digest[:16])
    if os.path.isdir(folder):
        return folder
    with open(os.path.join(RUN, "unpack.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            return folder
        import hashlib
        import io
        import tarfile
        import tempfile

        with open(os.path.join(hook, "bundle.tar.gz"), "rb") as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError("bundle.tar.gz is not the one that was sent: its SHA-256 differs")
        part = tempfile.mkdtemp(prefix="unpack-", dir=RUN)
        made = set()
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                top, _, name = member.name.partition("/")
                if not member.isfile() or top not in ("common", "boot", release):
                    continue
                path = os.path.join(part, name)
                parent = os.path.dirname(path)
                if parent not in made:
                    os.makedirs(parent, exist_ok=True)
                    made.add(parent)
                source = archive.extractfile(member)
                with open(path, "wb") as file:
                    file.write(source.read())
        os.chmod(part, 0o755)
        os.rename(part, folder)
    return folder


def report(reason):
    """Say why this Python runs undebugged where the laptop can read it when nothing else of ours answers."""
    path = os.environ.get("KUBECTL_PYDEBUG_TERMINATION_LOG", "/dev/termination-log")
    try:
        with open(path, "r+") as file:
            if not file.read(1):
                file.write(
                    '{"kubectl-pydebug":1,"undebugged":"%s"}' % reason.replace("\\", "/").replace('"', "'")[:800]
                )
    except (IOError, OSError):
        pass


def debug(hook):
    text = os.environ.get("KUBECTL_PYDEBUG")
    if not text:
        return
    if sys.version_info < OLDEST:
        report("Python %d.%d is older than 3.8, the oldest that can be debugged" % sys.version_info[:2])
        return
    try:
        import json

        config = json.loads(text)
        folder = unpack(hook, config)
        sys.path.insert(0, folder)
        keep = sys.dont_write_bytecode, sys.pycache_prefix
        sys.dont_write_bytecode, sys.pycache_prefix = False, None  # the second Python shall not compile it again
        try:
            import debugpy_boot
        finally:
            sys.dont_write_bytecode, sys.pycache_prefix = keep
            sys.path.remove(folder)
        debugpy_boot.start(config, folder, hook, RUN, report)
    except Exception as fault:
        report("%s: %s" % (type(fault).__name__, fault))


def main():
    hook = os.path.dirname(os.path.abspath(__file__))
    try:
        restore_path(hook)
    except Exception as fault:
        report("PYTHONPATH: %s" % fault)
    try:
        run_shadowed()
    finally:  # what the app's own sitecustomize raises goes to site, as it would without us
        debug(hook)


main()
