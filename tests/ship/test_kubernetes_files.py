"""The files for Kubernetes keep to the schemas, and say the same as the service, the image and each other."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.api.metrics import Metrics, Sources
from app.settings.schema import Settings
from app.work.worker import Worker
from tests.ship.test_compose import LONGEST_STOP, MARGIN, ROOT

KUBERNETES = "1.37"
FILES = [
    *sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")),
    ROOT / "deploy" / "ray" / "rayservice.yaml",
]
CUSTOM = json.loads(Path(__file__).with_name("custom_resources.json").read_text(encoding="utf-8"))
DEFAULTS = Settings(_env_file=None)

Resource = dict[str, Any]


def resources() -> list[Resource]:
    return [each for path in FILES for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def named(kind: str) -> Resource:
    (found,) = [each for each in resources() if each["kind"] == kind]
    return found


def check(resource: Resource) -> None:
    """Raise jsonschema.ValidationError for anything that Kubernetes, KEDA or KubeRay would not know."""
    if resource["kind"] in CUSTOM["definitions"]:
        jsonschema.validate(resource, {**CUSTOM, "$ref": f"#/definitions/{resource['kind']}"})
        for template in pod_templates(resource):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, **template}
            kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    else:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def pod_templates(resource: Resource) -> list[Resource]:
    if resource["kind"] == "RayService":
        cluster = resource["spec"]["rayClusterConfig"]
        return [group["template"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    return [resource["spec"]["template"]] if resource["kind"] == "Deployment" else []


def containers() -> list[Resource]:
    templates = [template for each in resources() for template in pod_templates(each)]
    return [container for template in templates for container in template["spec"]["containers"]]


@pytest.mark.parametrize("resource", resources(), ids=lambda each: each["kind"])
def test_every_resource_keeps_to_its_schema(resource: Resource) -> None:
    check(resource)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ["spec", "template", "spec", "containers", 0]),
        ("ScaledObject", ["spec", "triggers", 0, "metadata"]),
        ("RayService", ["spec", "rayClusterConfig"]),
        ("RayService", ["spec", "rayClusterConfig", "headGroupSpec", "template", "spec"]),
    ],
)
def test_a_misspelt_key_is_found(kind: str, path: list[Any]) -> None:
    broken = copy.deepcopy(named(kind))
    place: Any = broken
    for step in path:
        place = place[step]
    place["imagePullPolcy"] = "Always"
    with pytest.raises(jsonschema.ValidationError):
        check(broken)


def test_one_pod_has_one_card() -> None:
    limits = [container["resources"]["limits"] for container in containers()]
    assert [each.get("nvidia.com/gpu") for each in limits] == ["1", None, "1"]


def test_what_a_pod_is_told_are_settings() -> None:
    known = {name.upper() for name in Settings.model_fields}
    told = {entry["name"] for container in containers() for entry in container.get("env", ())}
    assert told
    assert told <= known


def test_accepted_work_is_finished_before_a_pod_is_killed() -> None:
    spec = named("Deployment")["spec"]["template"]["spec"]
    told = {entry["name"]: entry["value"] for entry in spec["containers"][0]["env"]}
    last = LONGEST_STOP - DEFAULTS.shutdown_grace_seconds
    needed = int(told["SHUTDOWN_DELAY_SECONDS"]) + int(told["SHUTDOWN_GRACE_SECONDS"]) + last + MARGIN
    assert spec["terminationGracePeriodSeconds"] >= needed


def test_the_service_and_the_scaler_find_the_pods() -> None:
    deployment = named("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert named("Service")["spec"]["selector"] == labels
    assert named("ScaledObject")["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


def test_the_scaler_asks_for_figures_that_exist() -> None:
    worker = Worker()
    metrics = Metrics(Sources(worker=worker.stats, detection_worker=worker.stats))
    existing = {family.name for family in metrics.registry.collect()}
    (trigger,) = named("ScaledObject")["spec"]["triggers"]
    for name in ("asr_queue_depth", "asr_running"):
        assert name in trigger["metadata"]["query"]
        assert name in existing
