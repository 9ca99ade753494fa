"""PyCharm: "Attach to DAP" (2025.3 and newer), one file per entry: ``.run/NAME.run.xml``.

https://www.jetbrains.com/help/pycharm/attach-to-dap.html tells of the address and the paths. The type's and the
options' names are those that other generators of such files use; they were not tried in a PyCharm.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from kubectl_pydebug.core.model import Endpoint
from kubectl_pydebug.editors import attach
from kubectl_pydebug.editors.editor import NAME_PREFIX, ConfigError

_OURS = f'name="{NAME_PREFIX}'
"""An attribute that PyCharm keeps when it saves the file anew, as it does not keep a comment."""


class _PyCharm:
    """See ``Editor``. Each file is ours alone, so that there is nothing to merge."""

    name = "pycharm"
    title = "PyCharm"
    traces = (".idea",)
    how = "choose Debug"

    def path(self, endpoint: Endpoint) -> str:
        """See ``Editor``. As PyCharm names the file of a run configuration that is shared."""
        return f".run/{re.sub('[^A-Za-z0-9-]', '_', endpoint.name)}.run.xml"

    def render(self, endpoints: Sequence[Endpoint], existing: str | None, workspace: str = "") -> str:
        """See ``Editor``."""
        if existing is not None and _OURS not in existing:
            raise ConfigError("it was not made by kubectl pydebug")
        return self.entry(endpoints, workspace) + "\n"

    def remove(self, existing: str, names: Collection[str] | None = None) -> str | None:
        """See ``Editor``."""
        return None if _OURS in existing else existing

    def entry(self, endpoints: Sequence[Endpoint], workspace: str = "") -> str:
        """See ``Editor``."""
        return "\n".join(_component(endpoint, workspace) for endpoint in endpoints)


def _component(endpoint: Endpoint, workspace: str) -> str:
    component = Element("component", name="ProjectRunConfigurationManager")
    configuration = SubElement(
        component, "configuration", default="false", name=endpoint.name, type="PythonDapAttachConfiguration"
    )
    SubElement(configuration, "option", name="remoteAddress", value=f"{attach.HOST}:{endpoint.local_port}")
    settings = SubElement(configuration, "PathMappingSettings")
    listed = SubElement(SubElement(settings, "option", name="pathMappings"), "list")
    for local, remote in attach.path_mappings(endpoint, workspace, attach.Variables("$PROJECT_DIR$", "$")):
        if (local + remote).isprintable():  # XML has no way to write control characters
            SubElement(listed, "mapping", {"local-root": local.rstrip("/"), "remote-root": remote.rstrip("/") or "/"})
    SubElement(configuration, "method", v="2")
    indent(component)
    return tostring(component, encoding="unicode")


EDITOR = _PyCharm()
