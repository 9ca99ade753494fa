"""What a user needs to be allowed: no more than the documented rights, and words for each that is missing."""

from __future__ import annotations

import signal

import pytest

from kubectl_pydebug.core.exits import Exit
from tests.integration.conftest import Place, code, copy_example, job
from tests.integration.test_pythons import APP

pytestmark = pytest.mark.integration

DEBUG = (
    ("batch", "jobs", "get create delete"),
    ("", "configmaps", "create patch"),
    ("", "pods", "list watch"),
    ("", "pods/log", "get"),
    ("", "pods/portforward", "get create"),
)
"""All that the main job needs for a Job: (API group, resource, verbs). Listing events only makes its words better."""
ATTACH = (("", "pods", "get"), ("", "pods/portforward", "get create"))


def without(resource: str, verb: str) -> tuple[tuple[str, str, str], ...]:
    assert any(name == resource and verb in verbs.split() for _, name, verbs in DEBUG)
    return tuple(
        (group, name, " ".join(v for v in verbs.split() if (name, v) != (resource, verb)))
        for group, name, verbs in DEBUG
    )


def test_the_documented_rights_are_enough(place: Place, images: dict[str, str]) -> None:
    app = place.write("src/app.py", APP)
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"]))
    user = place.as_user_with(*DEBUG)
    before = place.objects()
    run = place.debug(user, "job/train", "-e", "EXIT=7")
    stop = place.stop_at(app)
    stop.go()
    stop.session.terminated()
    assert run.finish() == 7, run.transcript()
    assert run.out == b"double 42\n"
    place.assert_as_before(before)


@pytest.mark.parametrize(
    ("resource", "verb"),
    [
        ("jobs", "get"),
        ("jobs", "create"),
        ("configmaps", "patch"),
        ("configmaps", "create"),
        ("pods", "list"),
        ("pods", "watch"),
        ("pods/portforward", "get"),
    ],
)
def test_missing_right_is_named(place: Place, images: dict[str, str], resource: str, verb: str) -> None:
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"]))
    user = place.as_user_with(*without(resource, verb))
    before = place.objects()
    run = place.start(user, "job/train")
    run.ends(Exit.CLUSTER, f"You may not {verb} {resource}", f"kubectl auth can-i {verb} {resource.partition('/')[0]}")
    place.assert_as_before(before)


def test_missing_right_to_delete_is_told_with_what_was_left(place: Place, images: dict[str, str]) -> None:
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"]))
    run = place.debug(place.as_user_with(*without("jobs", "delete")), "job/train")
    run.process.send_signal(signal.SIGINT)
    assert run.finish() == Exit.INTERRUPTED, run.transcript()
    said = run.err.decode()
    assert "You may not delete jobs" in said
    assert "ends by itself at" in said
    (command,) = [line[line.index("kubectl delete job/") :] for line in said.splitlines() if "kubectl delete" in line]
    place.cluster.kubectl(*command.split()[1:])


def test_a_log_that_may_not_be_read_is_missed_and_told(place: Place, images: dict[str, str]) -> None:
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"]))
    run = place.debug(place.as_user_with(*without("pods/log", "get")), "job/train")
    run.wait_for("You may not get pods/log")


def test_attach_needs_little_and_changes_nothing(place: Place) -> None:
    """The recipe as it stands, in its own pod. Who leaves without having pressed F5 leaves it waiting."""
    copy_example("recipe", place.checkout)
    place.apply_file("recipe.yaml")
    pod = recipe_pod(place)
    before = place.objects()
    user = place.as_user_with(*ATTACH)
    run = place.start("attach", pod, user)
    run.wait_for("Press F5")
    run.process.send_signal(signal.SIGINT)
    assert run.finish() == Exit.INTERRUPTED, run.transcript()
    run = place.start("attach", pod, user)
    run.wait_for("Press F5")
    stop = place.stop_at(place.checkout / "app.py", "the total is", f"pod/{pod}")
    assert stop.path == str(place.checkout / "app.py")
    assert stop.evaluate("total") == "55"
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    assert place.objects() == before


def test_attach_where_nothing_listens(place: Place) -> None:
    place.apply_file("recipe.yaml")
    pod = recipe_pod(place)
    before = place.objects()
    run = place.start("attach", pod, "--port", "5679")
    run.ends(Exit.NOT_DEBUGGED, f"Nothing listens on port 5679 of pod/{pod}", "--port N", f"kubectl pydebug pod/{pod}")
    assert place.objects() == before


def recipe_pod(place: Place) -> str:
    """The recipe's pod, in which debugpy listens."""
    place.kubectl("wait", "--for=create", "pod", "-l", "app=recipe")
    place.kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=recipe", "--timeout=120s")
    (pod,) = place.cluster.get("-n", place.namespace, "pods", "-l", "app=recipe")["items"]
    name = str(pod["metadata"]["name"])
    place.wait(lambda: "waiting for the debugger" in place.kubectl("logs", name))
    return name
