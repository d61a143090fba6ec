"""Through a cell of Ray Serve comes what the service alone would have answered, down to the byte."""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.cluster.box import Card, box
from tests.cluster.cells import DEPLOYMENT, SleepingCell
from tests.cluster.load import PCM
from tests.cluster.same import MISTAKES, RAW, Pair, both, equal
from tests.service import ROOT
from tests.wire import chunk, form, head, wait_until

pytest.importorskip("ray", reason="Ray is missing: make cluster-test installs it")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Card]:
    """One process of the service, without Ray."""
    with box(tmp_path_factory.mktemp("alone"), cards=1) as running:
        yield running.cards[0]


@pytest.fixture
def pair(alone: Card, two_replicas: SleepingCell) -> "Ask":
    return Ask((alone.host, alone.port), ("127.0.0.1", two_replicas.cell.port))


class Ask:
    """Sends a request to both; that the server of a replica names itself is the one difference."""

    def __init__(self, *addresses: tuple[str, int]) -> None:
        self.addresses = addresses

    def __call__(self, request: bytes, *rest: bytes) -> Pair:
        answers = both(*self.addresses, request, *rest)
        assert answers.through.headers.pop("server", "uvicorn") == "uvicorn"
        return answers


@pytest.mark.parametrize("output", ["json", "txt", "srt", "vtt", "tsv"])
def test_every_format_is_the_service_s_own(pair: Ask, output: str) -> None:
    body = form(PCM)
    answers = pair(head(len(body), path=f"{RAW}&output_format={output}&initial_prompt=same:0") + body)
    equal(answers)
    assert answers.through.status == 200
    assert b"same" in answers.through.body


@pytest.mark.parametrize("request_bytes", MISTAKES.values(), ids=MISTAKES)
def test_every_refusal_is_the_service_s_own(pair: Ask, request_bytes: bytes) -> None:
    answers = pair(request_bytes)
    equal(answers)
    assert 400 <= answers.through.status < 500


def test_a_body_that_is_too_large_is_refused_while_it_is_still_being_sent(pair: Ask) -> None:
    answers = pair(head(2_000_000_000), bytes(500_000))
    equal(answers)
    assert answers.through.status == 413


def test_a_client_that_asks_first_is_told_to_send_or_not_to(pair: Ask) -> None:
    body = form(PCM)
    allowed = pair(head(len(body), "Expect: 100-continue", path=f"{RAW}&output_format=txt"), body)
    equal(allowed)
    assert allowed.through.status == 200
    refused = pair(head(2_000_000_000, "Expect: 100-continue"))
    equal(refused)
    assert refused.through.status == 413


def test_a_chunked_upload_arrives(pair: Ask) -> None:
    body = form(PCM)
    chunks = [chunk(body[:100]), chunk(body[100:]), chunk(b"")]
    answers = pair(head(None, path=f"{RAW}&output_format=txt"), *chunks)
    equal(answers)
    assert answers.through.status == 200


@pytest.mark.parametrize("sent", ["mine-1", 'a "b', None])
def test_an_answer_has_one_id_which_no_client_can_forge(two_replicas: SleepingCell, sent: str | None) -> None:
    answer = httpx.get(f"{two_replicas.url}/health", headers={"X-Request-ID": sent} if sent else {})
    (name,) = answer.headers.get_list("X-Request-ID")
    assert name == sent or (sent != "mine-1" and '"' not in name)


def test_each_replica_has_figures_of_its_own_and_a_place_of_its_own_for_uploads(
    two_replicas: SleepingCell,
) -> None:
    assert len(two_replicas.figures()) == 2
    other = httpx.get(f"http://127.0.0.1:{two_replicas.metrics_port}/asr")
    assert other.status_code == 404
    uploads = two_replicas.journal.parent / "uploads"
    assert {path.name for path in uploads.iterdir()} >= {"replica-0", "replica-1"}


def test_a_replica_logs_one_line_for_each_request_without_its_query(two_replicas: SleepingCell) -> None:
    httpx.post(f"{two_replicas.url}/asr?model=none&initial_prompt=secret-words")
    logs = two_replicas.cell.directory / "ray" / "session_latest" / "logs"

    def written() -> str:
        files = [
            path for path in logs.rglob("*") if path.is_file() and path.suffix in (".log", ".err", ".out")
        ]
        return "".join(path.read_text(errors="replace") for path in files)

    wait_until(lambda: "route=/asr" in written(), 15)
    assert "secret-words" not in written()


def test_what_serve_yaml_says_arrives(two_replicas: SleepingCell) -> None:
    """Ray raises the time for the end of an ingress by itself; ours is longer and has to stay."""
    application = two_replicas.cell.ask().json()["applications"]["asr"]
    config = application["deployments"]["asr"]["deployment_config"]
    assert config["graceful_shutdown_timeout_s"] == DEPLOYMENT["graceful_shutdown_timeout_s"]
    assert config["max_ongoing_requests"] == 512


def test_nobody_without_the_token_can_deploy(two_replicas: SleepingCell) -> None:
    assert two_replicas.cell.ask(token=False).status_code == 401
    assert two_replicas.cell.ask("PUT", token=False, json={}).status_code == 401


def test_a_node_without_the_environment_of_the_cluster_starts_no_replica() -> None:
    """Ray would keep whole uploads in memory there, in silence."""
    code = "import app.cluster; app.cluster._check_node()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "deploy/ray/cluster.env" in done.stderr
