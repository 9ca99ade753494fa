"""The copy among what a cluster has: quota, limits, Services, ReplicaSets, other kinds of workload."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.dap import Editor
from tests.integration.conftest import ROOT, Place, Raw, code, copy_example, job
from tests.integration.test_pythons import APP
from tests.payload.conftest import lines_with

pytestmark = pytest.mark.integration


def test_quota_with_room_for_exactly_one_pod(place: Place, images: dict[str, str]) -> None:
    """A container of ours that asked for nothing would get the LimitRange's defaults, for which there is no room."""
    amounts = {"cpu": "500m", "memory": "256Mi"}
    limits = {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "max": {"cpu": "1", "memory": "1Gi"}}
    limits["defaultRequest"] = limits["default"]
    about = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "defaults"}}
    place.apply({**about, "spec": {"limits": [limits]}})
    hard = {f"{kind}.{name}": amount for kind in ("requests", "limits") for name, amount in amounts.items()}
    place.set_quota({**hard, "pods": 1})
    app = place.write("src/app.py", APP)
    resources = {"requests": amounts, "limits": amounts}
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"], resources=resources))
    before = place.objects()
    run = place.debug("job/train")
    stop = place.stop_at(app)
    assert "kubectl-pydebug-env" in [item["name"] for item in copied_pod(place)["spec"]["initContainers"]]
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    place.assert_as_before(before)


def test_handler_of_a_deployment_stops_without_any_request_of_its_service(place: Place) -> None:
    copy_example("digits", place.checkout)
    serve = place.checkout / "src" / "digits" / "serve.py"
    deployment, service = yaml.safe_load_all((ROOT / "manifests" / "deployment.yaml").read_text())
    deployment["spec"]["replicas"] = 1
    place.apply(deployment, service)
    place.kubectl("wait", "--for=create", "pod", "-l", "app=web")
    before = place.objects()
    run = place.debug("deploy/web", "--program", "digits.serve")
    mark = 'self.answer(200, "ok")'
    session = place.attach(Editor({serve: lines_with(serve, mark)}), "deployment/web")
    run.wait_for("serving on port 8000")
    pod = copied_pod(place)
    assert pod["metadata"]["labels"]["app"] == service["spec"]["selector"]["app"]
    with ThreadPoolExecutor(1) as pool:
        path = f"/api/v1/namespaces/{place.namespace}/pods/{pod['metadata']['name']}:8000/proxy/healthz"
        answer = pool.submit(place.cluster.kubectl, "get", "--raw", path)
        stop = session.stopped()
        assert (stop.path, [stop.line]) == (str(serve), lines_with(serve, mark))
        assert stop.evaluate("self.path") == "'/healthz'"
        assert pod["status"]["podIP"] not in ready_addresses(place)
        stop.go()
        assert answer.result() == "ok\n"
    assert pod["status"]["podIP"] not in ready_addresses(place)
    assert {name: item for name, item in place.objects().items() if name in before} == before
    run.process.terminate()
    run.finish()
    place.assert_as_before(before)


def test_bare_pod_runs_on_beside_its_copy(place: Place) -> None:
    copy_example("digits", place.checkout)
    train = place.checkout / "src" / "digits" / "train.py"
    place.apply_file("pod.yaml")
    place.kubectl("wait", "--for=condition=Ready", "pod/trial", "--timeout=120s")
    before = place.objects()
    run = place.debug("trial", "-e", "EPOCHS=1", "--program", "digits.train")
    stop = place.stop_at(train, "network.save", "pod/trial")
    assert stop.evaluate("options.learning_rate") == "0.05"
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    assert "epoch 1 step" in run.out.decode()
    place.assert_as_before(before)
    assert place.cluster.get("-n", place.namespace, "pod/trial")["status"]["phase"] == "Running"


def copied_pod(place: Place) -> Raw:
    (pod,) = place.cluster.get("-n", place.namespace, "pods", "-l", "kubectl-pydebug/session")["items"]
    return dict(pod)


def ready_addresses(place: Place) -> list[str]:
    """To which the Service ``web`` sends requests."""
    label = "kubernetes.io/service-name=web"
    slices = place.cluster.get("-n", place.namespace, "endpointslices.discovery.k8s.io", "-l", label)["items"]
    assert slices
    endpoints = [endpoint for item in slices for endpoint in item.get("endpoints") or ()]
    return [address for item in endpoints if item["conditions"]["ready"] for address in item["addresses"]]
