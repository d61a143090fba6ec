"""Clients that leave, cards that die, stop or are updated: nothing is done twice or lost in silence."""

import asyncio
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.cluster import journal
from tests.cluster.box import Box, Card, box, end
from tests.cluster.load import (
    Answer,
    growth_of_a_gigabyte,
    keep_busy,
    send,
    statuses,
    under_load,
    with_clients,
)  # fmt: skip
from tests.wire import form, head, wait_until


def idle(card: Card) -> bool:
    figures = httpx.get(f"{card.url}/metrics", timeout=5).text.splitlines()
    values = dict(line.split(" ", 1) for line in figures if not line.startswith("#"))
    return all(float(values[name]) == 0 for name in ("asr_running", "asr_queue_depth", "asr_open_uploads"))


def test_work_stops_within_a_second_when_its_client_leaves(two_cards: Box) -> None:
    """200 clients that leave at random moments: in the upload, in HAProxy's queue, in the card's, in work."""
    chance = random.Random(7)

    async def leave(client: httpx.AsyncClient, number: int) -> None:
        await asyncio.sleep(chance.random() * 8)
        async with asyncio.timeout(0.01 + chance.random() * 0.8):
            await send(client, f"left{number}", 30, bytes(chance.choice((1_000, 1_000_000))))

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        await asyncio.gather(*(leave(client, n) for n in range(200)), return_exceptions=True)
        return []

    with_clients(two_cards.url, work)
    left = time.time()
    wait_until(lambda: two_cards.waiting() == 0 and all(map(idle, two_cards.cards)), 3)
    entries = [entry for entry in journal.read(two_cards.journal) if entry.token.startswith("left")]
    begun, stopped = ({e.token for e in entries if e.what == what} for what in ("began", "stopped"))
    assert len(begun) >= 4
    assert begun == stopped
    assert all(entry.at < left + 1 for entry in entries)


def test_a_killed_card_loses_what_it_had_and_nothing_else(tmp_path: Path) -> None:
    """Both work, more wait in HAProxy. The lost ones get 502 within a second; sent again they are done.

    A card has two requests at most, and may be sent two more in the moment in which it dies.
    """
    with box(tmp_path, cards=2) as running:

        async def work(client: httpx.AsyncClient) -> list[Answer]:
            tasks = [asyncio.create_task(send(client, f"k{number}", 1.5)) for number in range(10)]
            await asyncio.sleep(1)
            running.cards[0].process.kill()
            killed = time.monotonic()
            first = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            assert time.monotonic() - killed < 1
            assert all(task.result().status != 200 for task in first[0])
            answers = await asyncio.gather(*tasks)
            again = [send(client, f"{a.token}-again", 0.1) for a in answers if a.status != 200]
            return [*answers, *await asyncio.gather(*again)]

        answers = with_clients(running.url, work)
        lost = [answer for answer in answers if answer.status != 200]
        assert 1 <= len(lost) <= 4
        assert {(answer.status, answer.code, answer.retry_after) for answer in lost} == {
            (502, "unavailable", "1")
        }
        assert statuses(answers)[200] == 10
        ended = journal.counts(running.journal, "ended")
        assert set(ended.values()) == {1}
        assert not {answer.token for answer in lost} & set(ended)


def test_a_card_killed_in_mid_upload_ends_the_request_at_once(tmp_path: Path) -> None:
    """With 502, or a connection that breaks: the bytes that are gone cannot be sent to another card."""
    with box(tmp_path, cards=1) as running:
        with running_upload(running) as connection:
            wait_until(lambda: not idle(running.cards[0]))
            running.cards[0].process.kill()
            began = time.monotonic()
            answer = received(connection)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 502")
            assert time.monotonic() - began < 1
        assert journal.read(running.journal) == []


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


@contextmanager
def running_upload(running: Box) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        connection.sendall(head(5_000_000) + form(bytes(100_000), end=False))
        yield connection


def test_a_stopped_card_is_out_and_what_it_held_finishes_when_it_goes_on(tmp_path: Path) -> None:
    with box(tmp_path, cards=2) as running:
        stopped = running.cards[0]

        async def work(client: httpx.AsyncClient) -> list[Answer]:
            tasks = [asyncio.create_task(send(client, f"s{number}", 0.5)) for number in range(2)]
            await asyncio.sleep(0.25)
            stopped.process.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(wait_until, lambda: running.usable_cards() == 1, 15)
            others = await asyncio.gather(*(send(client, f"after{number}", 0.05) for number in range(6)))
            assert all(answer.seconds < 2 for answer in others)
            stopped.process.send_signal(signal.SIGCONT)
            return [*others, *await asyncio.gather(*tasks)]

        answers = with_clients(running.url, work)
        assert statuses(answers) == {200: 8}
        assert set(journal.counts(running.journal, "began").values()) == {1}


def test_a_card_that_is_taken_away_under_load_costs_no_request(tmp_path: Path) -> None:
    """SIGTERM: /health says so, HAProxy goes elsewhere, accepted work is finished, the status is 0."""
    with box(tmp_path, cards=2) as running:
        with under_load(running.url, 6, 0.5) as answers:
            time.sleep(1)
            leaving = running.cards[0]
            leaving.process.terminate()
            assert leaving.process.wait(30) == 0
            running.names.addresses = [running.cards[1].host]
            time.sleep(1.5)
        assert set(statuses(answers)) == {200}
        assert set(journal.counts(running.journal, "began").values()) == {1}


def test_cards_updated_one_after_the_other_cost_no_request(tmp_path: Path) -> None:
    """The procedure of docs/scale.md: start the new one, stop the old one, wait, the next."""
    with box(tmp_path, cards=2) as running:
        with under_load(running.url, 4, 0.3) as answers:
            for old in list(running.cards):
                running.add_card()
                old.process.terminate()
                assert old.process.wait(30) == 0
                running.names.addresses = [host for host in running.names.addresses if host != old.host]
            time.sleep(1)
        assert set(statuses(answers)) == {200}
        assert set(journal.counts(running.journal, "ended").values()) == {1}
        assert len(journal.writers(running.journal)) == 4


def test_a_gigabyte_passes_without_being_held(tmp_path: Path) -> None:
    """The card may grow by 64 MB, HAProxy by 16 MB, however long the upload is."""
    with box(tmp_path, cards=1) as running:
        assert running.haproxy is not None
        card, proxy = psutil.Process(running.cards[0].process.pid), psutil.Process(running.haproxy.pid)
        grown = growth_of_a_gigabyte(running.url, [card], [proxy])
        assert grown[0] < 64_000_000
        assert grown[1] < 16_000_000


def test_kills_every_few_seconds_lose_nothing_after_one_retry(tmp_path: Path) -> None:
    """2,000 requests; whoever got no answer sends once more. Each is answered, none is worked on twice."""
    with box(tmp_path, cards=3) as running:
        over = threading.Event()
        killer = threading.Thread(target=kill_now_and_then, args=(running, over))
        killer.start()
        answers = keep_busy(running.url, 16, lambda _: 0.06, requests=2000)
        over.set()
        killer.join(60)
        good = {answer.token.removesuffix("-again") for answer in answers if answer.status == 200}
        assert good == {f"t{number}" for number in range(2000)}
        assert len(running.cards) > 5
        ended = journal.counts(running.journal, "ended")
        assert set(ended.values()) == {1}


def kill_now_and_then(running: Box, over: threading.Event) -> None:
    """Kill a card every few seconds and start another in its place."""
    while not over.wait(8):
        victim = running.cards[-3]
        end(victim.process)
        running.add_card()
        running.names.addresses = [host for host in running.names.addresses if host != victim.host]
