"""Through HAProxy comes what the card itself would have answered, down to the byte."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.box import Box, box
from tests.cluster.load import PCM, QUERY
from tests.service import running_service
from tests.wire import Answer, chunk, form, head, read_answer, wait_until

OF_THE_REQUEST = ("date", "x-request-id", "server-timing", "connection")
"""Headers that differ between two equal requests, or belong to one connection."""
RAW = "/asr?encode=false&word_timestamps=false&language=en"


@dataclass(frozen=True)
class Pair:
    """The same request, sent to a card itself and through HAProxy."""

    direct: Answer
    through: Answer


def both(two_cards: Box, request: bytes, *rest: bytes) -> Pair:
    card = two_cards.cards[0]
    return Pair(
        *(raw(address, request, *rest) for address in ((card.host, card.port), ("127.0.0.1", two_cards.port)))
    )


def raw(address: tuple[str, int], request: bytes, *rest: bytes) -> Answer:
    """Send `request`; wait for "100 Continue" if it asks for that, before the rest."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(request)
        if b"100-continue" in request:
            early = connection.recv(65536)
            if b"100 Continue" not in early:
                return answer_of(early, connection)
        for piece in rest:
            connection.sendall(piece)
        return read_answer(connection)


def answer_of(early: bytes, connection: socket.socket) -> Answer:
    while True:
        top, _, body = early.partition(b"\r\n\r\n")
        length = [line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length")]
        if length and len(body) >= int(length[0].split(b":")[1]):
            break
        early += connection.recv(65536)
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


def equal(pair: Pair) -> None:
    assert pair.through.status == pair.direct.status
    assert without_id(pair.through.body) == without_id(pair.direct.body)
    assert kept(pair.through) == kept(pair.direct)
    assert pair.through.headers["x-request-id"]


def without_id(body: bytes) -> bytes | dict[str, Any]:
    if not body.startswith(b"{"):
        return body
    content = dict(json.loads(body))
    content.pop("request_id", None)
    return content


def kept(answer: Answer) -> dict[str, str]:
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_REQUEST}
    if answer.headers["content-type"].startswith("application/json"):
        headers.pop("content-length", None)  # the request's own id is longer when HAProxy gives it
    return headers


@pytest.mark.parametrize("output", ["json", "txt", "srt", "vtt", "tsv"])
def test_every_format_is_the_card_s_own(two_cards: Box, output: str) -> None:
    body = form(PCM)
    path = f"{RAW}&output_format={output}&initial_prompt=same:0"
    pair = both(two_cards, head(len(body), path=path) + body)
    equal(pair)
    assert pair.through.status == 200
    assert b"same" in pair.through.body


MISTAKES = {
    "no such path": head(0, path="/nowhere"),
    "no such option value": head(None, path="/asr?output_format=docx") + chunk(form(PCM)) + chunk(b""),
    "no file": head(0),
    "no audio": head(len(form(b"text"))) + form(b"text"),
    "unknown model": head(None, path="/asr?model=nobody") + chunk(form(PCM)) + chunk(b""),
    "another site's page": head(0, "Origin: https://evil.example"),
}


@pytest.mark.parametrize("request_bytes", MISTAKES.values(), ids=MISTAKES)
def test_every_refusal_is_the_card_s_own(two_cards: Box, request_bytes: bytes) -> None:
    pair = both(two_cards, request_bytes)
    equal(pair)
    assert 400 <= pair.through.status < 500
    assert pair.through.json["code"]


def test_a_body_that_is_too_large_is_refused_while_it_is_still_being_sent(two_cards: Box) -> None:
    pair = both(two_cards, head(2_000_000_000), bytes(500_000))
    equal(pair)
    assert pair.through.status == 413


def test_a_client_that_asks_first_is_told_to_send_or_not_to(two_cards: Box) -> None:
    body = form(PCM)
    allowed = both(two_cards, head(len(body), "Expect: 100-continue", path=f"{RAW}&output=txt"), body)
    equal(allowed)
    assert allowed.through.status == 200
    refused = both(two_cards, head(2_000_000_000, "Expect: 100-continue"))
    equal(refused)
    assert refused.through.status == 413


def test_a_chunked_upload_arrives(two_cards: Box) -> None:
    body = form(PCM)
    chunks = [chunk(body[:100]), chunk(body[100:]), chunk(b"")]
    pair = both(two_cards, head(None, path=f"{RAW}&output_format=txt"), *chunks)
    equal(pair)
    assert pair.through.status == 200


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
