"""The files of a cell on Ray agree with each other, with the service's limits, and with the locks."""

import re
from typing import Any

import yaml
from dotenv import dotenv_values

from app.settings.schema import Settings
from tests.ship.test_compose import ROOT
from tests.ship.test_dockerfile import LOCK, dockerfile, torch_packages
from tests.ship.test_kubernetes_files import named

RAY = ROOT / "deploy" / "ray"
CONFIG: dict[str, Any] = yaml.safe_load((RAY / "serve.yaml").read_text(encoding="utf-8"))
NODE = dotenv_values(RAY / "cluster.env")
CLUSTER_LOCK = (ROOT / "requirements-cluster.lock").read_text(encoding="utf-8")
DEFAULTS = Settings(_env_file=None)
LONGEST = DEFAULTS.queue_timeout + DEFAULTS.request_timeout


def deployment() -> dict[str, Any]:
    (application,) = CONFIG["applications"]
    (found,) = application["deployments"]
    return dict(found)


def versions(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package; there are several where they depend on the platform."""
    found: dict[str, set[str]] = {}
    for name, block in torch_packages.entries(lock):
        found.setdefault(name, set()).add(block.split("==")[1].split()[0])
    return found


def test_the_lock_of_the_cluster_moves_no_version_of_the_service() -> None:
    ours, theirs = versions(LOCK), versions(CLUSTER_LOCK)
    shared = ours.keys() & theirs.keys()
    assert {"fastapi", "pydantic", "uvicorn", "numpy"} <= shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}


def test_the_default_image_has_no_ray() -> None:
    assert "ray" not in versions(LOCK)
    (installs,) = re.findall(r"if \[ -n \"\$CLUSTER\" \]; then.*?fi", dockerfile())
    assert "requirements-cluster.lock" in dockerfile()
    assert "--require-hashes -r /cluster.lock" in installs
    assert re.search(r"^ARG CLUSTER=$", dockerfile(), re.MULTILINE)


def test_a_replica_and_haproxy_have_time_for_the_longest_request() -> None:
    assert int(NODE["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"] or 0) >= LONGEST
    assert int(NODE["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] or 0) >= LONGEST
    assert deployment()["graceful_shutdown_timeout_s"] >= LONGEST


def test_the_service_refuses_long_before_ray_would() -> None:
    waiting = int(NODE["MAX_QUEUE_SIZE"] or 0) + DEFAULTS.gpu_concurrency
    assert deployment()["max_ongoing_requests"] > DEFAULTS.max_uploads_per_client + waiting


def test_there_is_one_proxy_and_always_a_replica() -> None:
    """Several proxies see only their own connections; without a replica Ray's own proxy keeps uploads."""
    assert CONFIG["proxy_location"] == "HeadOnly"
    assert deployment()["autoscaling_config"]["min_replicas"] >= 1


def test_a_node_lets_the_application_read_its_own_connections() -> None:
    told = {"RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0", "RAY_SERVE_ENABLE_HA_PROXY": "1"}
    assert {name: NODE[name] for name in told} == told
    assert NODE["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"] == "app.cluster:middlewares"


def test_haproxy_runs_without_splicing_in_the_image_and_here() -> None:
    """tests/cluster shows what splicing does."""
    script = RAY / "haproxy"
    assert script.stat().st_mode & 0o111
    assert " -dS " in script.read_text(encoding="utf-8")
    path = NODE["RAY_SERVE_HAPROXY_BINARY_PATH"]
    assert f"COPY --chmod=755 deploy/ray/haproxy {path}" in dockerfile()


def test_no_log_holds_a_query() -> None:
    assert NODE["RAY_SERVE_HAPROXY_LOG_TARGET"] == "127.0.0.1:9"
    assert CONFIG["logging_config"]["enable_access_log"] is False


def test_nothing_is_reported_and_nobody_enters_without_the_token() -> None:
    assert NODE["RAY_USAGE_STATS_ENABLED"] == "0"
    assert NODE["RAY_USAGE_STATS_REPORT_URL"] == "http://127.0.0.1:9/"
    assert NODE["RAY_AUTH_MODE"] == "token"


def test_what_the_nodes_are_told_of_the_service_are_settings() -> None:
    ours = {name for name in NODE if not name.startswith("RAY_")}
    assert ours <= {name.upper() for name in Settings.model_fields}


def test_kuberay_deploys_the_same_application() -> None:
    spec = named("RayService")["spec"]
    assert yaml.safe_load(spec["serveConfigV2"]) == CONFIG
    assert spec["rayClusterDeletionDelaySeconds"] >= LONGEST
    head = spec["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]
    ports = {port["name"]: port["containerPort"] for port in head["containers"][0]["ports"]}
    assert ports["serve"] == CONFIG["http_options"]["port"]
    assert f"ray=={spec['rayClusterConfig']['rayVersion']} " in CLUSTER_LOCK


def test_pods_of_a_cell_end_after_the_longest_request() -> None:
    cluster = named("RayService")["spec"]["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    grace = [group["template"]["spec"]["terminationGracePeriodSeconds"] for group in groups]
    assert min(grace) > int(NODE["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] or 0)


def test_no_port_of_ray_is_open_to_all() -> None:
    """Clients reach the one address; everything else has a name for who may come."""
    rules = named("NetworkPolicy")["spec"]["ingress"]
    open_to_all = [rule["ports"] for rule in rules if "from" not in rule]
    assert open_to_all == [[{"port": CONFIG["http_options"]["port"]}]]
