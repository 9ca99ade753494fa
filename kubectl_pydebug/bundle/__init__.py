"""The finished bundle, as the wheel carries it. ``build.py`` makes it; nothing is downloaded at run time."""

from __future__ import annotations

import hashlib
import json
from importlib import resources

from kubectl_pydebug.core.model import Bundle

ARCHIVE = "bundle.tar.gz"
LICENSES = "LICENSES.txt"
HOOK = "sitecustomize.py"
INDEX = "bundle.json"


class BundleError(Exception):
    """The package's own data is not there or does not fit together; the text says what to do."""


def load() -> Bundle:
    """Read the bundle from the package's data. Raises ``BundleError``, which only an incomplete checkout should see."""
    package = resources.files("kubectl_pydebug")
    data = package / "bundle" / "data"
    payload = package / "payload"
    try:
        index = json.loads((data / INDEX).read_bytes())
        files = {
            HOOK: (payload / HOOK).read_bytes(),
            ARCHIVE: (data / ARCHIVE).read_bytes(),
            LICENSES: (data / LICENSES).read_bytes(),
        }
        guest = {name: payload.joinpath(*name.split("/")).read_bytes() for name in index["payload"]}
    except OSError as error:
        raise BundleError(f"kubectl-pydebug's own data is not there ({error}). {_REMEDY}") from error
    # Without this a checkout could give new guest code the ConfigMap name of the old one.
    changed = [name for name, content in guest.items() if sha256(content) != index["payload"][name]]
    changed += [name for name in (ARCHIVE, LICENSES) if sha256(files[name]) != index["files"][name]]
    if changed:
        raise BundleError(f"{', '.join(changed)} changed after the bundle was built. {_REMEDY}")
    return Bundle(digest=index["digest"], sha256=index["files"][ARCHIVE], files=files)


def sha256(content: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


_REMEDY = (
    "In a checkout, type `make bundle` (or `python -m kubectl_pydebug.bundle.build`); "
    "elsewhere, install kubectl-pydebug again."
)
