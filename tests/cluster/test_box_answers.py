"""Through HAProxy comes what the card itself would have answered, down to the byte."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.box import Box, box
from tests.cluster.load import PCM, QUERY
from tests.cluster.same import MISTAKES, RAW, Pair, both, equal
from tests.service import running_service
from tests.wire import chunk, form, head, wait_until


def pair(two_cards: Box, request: bytes, *rest: bytes) -> Pair:
    card = two_cards.cards[0]
    return both((card.host, card.port), ("127.0.0.1", two_cards.port), request, *rest)


@pytest.mark.parametrize("output", ["json", "txt", "srt", "vtt", "tsv"])
def test_every_format_is_the_card_s_own(two_cards: Box, output: str) -> None:
    body = form(PCM)
    path = f"{RAW}&output_format={output}&initial_prompt=same:0"
    answers = pair(two_cards, head(len(body), path=path) + body)
    equal(answers)
    assert answers.through.status == 200
    assert b"same" in answers.through.body


@pytest.mark.parametrize("request_bytes", MISTAKES.values(), ids=MISTAKES)
def test_every_refusal_is_the_card_s_own(two_cards: Box, request_bytes: bytes) -> None:
    answers = pair(two_cards, request_bytes)
    equal(answers)
    assert 400 <= answers.through.status < 500
    assert answers.through.json["code"]


def test_a_body_that_is_too_large_is_refused_while_it_is_still_being_sent(two_cards: Box) -> None:
    answers = pair(two_cards, head(2_000_000_000), bytes(500_000))
    equal(answers)
    assert answers.through.status == 413


def test_a_client_that_asks_first_is_told_to_send_or_not_to(two_cards: Box) -> None:
    body = form(PCM)
    allowed = pair(two_cards, head(len(body), "Expect: 100-continue", path=f"{RAW}&output=txt"), body)
    equal(allowed)
    assert allowed.through.status == 200
    refused = pair(two_cards, head(2_000_000_000, "Expect: 100-continue"))
    equal(refused)
    assert refused.through.status == 413


def test_a_chunked_upload_arrives(two_cards: Box) -> None:
    body = form(PCM)
    chunks = [chunk(body[:100]), chunk(body[100:]), chunk(b"")]
    answers = pair(two_cards, head(None, path=f"{RAW}&output_format=txt"), *chunks)
    equal(answers)
    assert answers.through.status == 200


def test_the_id_of_a_request_is_kept_or_made(two_cards: Box) -> None:
    sane = httpx.get(f"{two_cards.url}/health", headers={"X-Request-ID": "mine-1"})
    assert sane.headers["X-Request-ID"] == "mine-1"
    forged = httpx.get(f"{two_cards.url}/health", headers={"X-Request-ID": 'a "b'})
    assert '"' not in forged.headers["X-Request-ID"]


def test_every_card_has_its_figures_at_a_path_of_its_own(two_cards: Box) -> None:
    for number in (1, 2):
        assert "asr_queue_depth" in httpx.get(f"{two_cards.url}/cards/{number}/metrics").text
        assert httpx.get(f"{two_cards.url}/cards/{number}/health").json()["status"] == "healthy"
    assert httpx.get(f"{two_cards.url}/cards/3/metrics").status_code == 404
    assert "/cards/1/metrics" in httpx.get(f"{two_cards.url}/metrics").json()["detail"]


def test_the_two_cards_have_different_figures(two_cards: Box) -> None:
    """A path that led to any card at random would be worse than none."""
    card = two_cards.cards[0]
    for _ in range(3):
        httpx.post(f"{card.url}/asr", params={**QUERY, "initial_prompt": "one:0"}, files={"audio_file": PCM})
    direct = [finished(f"{card.url}/metrics") for card in two_cards.cards]
    through = [finished(f"{two_cards.url}/cards/{number}/metrics") for number in (1, 2)]
    assert sorted(through) == sorted(direct)
    assert len(set(through)) == 2


def finished(url: str) -> float:
    lines = httpx.get(url).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("asr_work_finished_total"))


def test_the_service_sees_the_client_s_address_and_no_invented_one(two_cards: Box) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.77")
    with httpx.Client(transport=transport) as client:
        client.post(f"{two_cards.url}/asr?model=none", headers={"X-Forwarded-For": "203.0.113.9"})

    def logs() -> str:
        return "".join(card.log.read_text() for card in two_cards.cards)

    wait_until(lambda: "client=127.0.0.77" in logs())
    assert "203.0.113.9" not in logs()


def test_the_log_holds_no_query(two_cards: Box) -> None:
    httpx.get(f"{two_cards.url}/health?initial_prompt=secret-words")
    assert "path=/health " in two_cards.log
    assert "secret-words" not in two_cards.log


def test_a_trusted_proxy_names_the_client(tmp_path: Path) -> None:
    with box(tmp_path, cards=1, trusted_proxies="127.0.0.0/8") as running:
        url = f"{running.url}/asr?model=none"
        httpx.post(url, headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.4"})
        wait_until(lambda: "client=198.51.100.4" in running.cards[0].log.read_text())


@pytest.fixture(scope="module")
def real_card(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield the addresses of a real service on the demo models: itself, and HAProxy before it."""
    directory = tmp_path_factory.mktemp("real")
    with running_service(directory) as service:
        port = int(service.url.rpartition(":")[2])
        with box(directory, beside=port) as running:
            yield service.url, running.url


def test_a_real_recording_has_the_same_transcript(real_card: tuple[str, str], meeting: Path) -> None:
    """Words, times and speakers by the demo models, with the upload decoded."""
    sentence = meeting.parents[2] / "tests" / "data" / "sentence-en-1.flac"
    form_data = {"audio_file": sentence.read_bytes()}
    direct, through = (httpx.post(f"{url}/asr", files=form_data, timeout=120) for url in real_card)
    assert through.status_code == 200
    assert through.content == direct.content
    assert through.json()["text"][0]["words"]
