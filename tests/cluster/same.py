"""The same request sent to the service itself and through what stands before it, and what must be equal."""

import json
import socket
from dataclasses import dataclass
from typing import Any

from tests.cluster.load import PCM
from tests.wire import Answer, chunk, form, head, read_answer

Address = tuple[str, int]
OF_THE_REQUEST = ("date", "x-request-id", "server-timing", "connection")
"""Headers that differ between two equal requests, or belong to one connection."""
RAW = "/asr?encode=false&word_timestamps=false&language=en"


@dataclass(frozen=True)
class Pair:
    """Two answers to the same request."""

    direct: Answer
    through: Answer


def both(direct: Address, through: Address, request: bytes, *rest: bytes) -> Pair:
    return Pair(*(raw(address, request, *rest) for address in (direct, through)))


def raw(address: Address, request: bytes, *rest: bytes) -> Answer:
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


MISTAKES = {
    "no such path": head(0, path="/nowhere"),
    "no such option value": head(None, path="/asr?output_format=pdf") + chunk(form(PCM)) + chunk(b""),
    "no file": head(0),
    "no audio": head(len(form(b"text"))) + form(b"text"),
    "unknown model": head(None, path="/asr?model=nobody") + chunk(form(PCM)) + chunk(b""),
    "another site's page": head(0, "Origin: https://evil.example"),
}
"""Requests that are refused, by what is wrong with them."""
