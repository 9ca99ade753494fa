from __future__ import annotations

from kubectl_pydebug.core.model import Raw
from kubectl_pydebug.core.relax import relax
from tests.core.samples import template

PROBE: Raw = {"exec": {"command": ["true"]}}


def test_probes_of_every_container_go() -> None:
    raw = template(livenessProbe=PROBE, readinessProbe=PROBE, startupProbe=PROBE, lifecycle={"preStop": PROBE})
    proxy = {"name": "proxy", "restartPolicy": "Always", "startupProbe": PROBE}
    raw["spec"]["initContainers"] = [{**proxy, "livenessProbe": PROBE}]
    relaxed, (note,) = relax(raw)
    assert relaxed["spec"]["initContainers"] == [proxy], "the program is still to start after its proxy"
    assert sorted(relaxed["spec"]["containers"][0]) == ["image", "lifecycle", "name"]
    assert "proxy (livenessProbe)" in note.text
    assert "trainer (livenessProbe, readinessProbe, startupProbe)" in note.text
    assert "livenessProbe" in raw["spec"]["containers"][0], "the original was changed"


def test_nothing_to_say_without_probes() -> None:
    assert relax(template()) == (template(), ())
