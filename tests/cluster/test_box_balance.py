"""Who gets which card when: throughput, overload, fairness, cards that are added."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from tests.cluster import journal
from tests.cluster.box import Box, box
from tests.cluster.load import PCM, Answer, keep_busy, send, statuses, under_load, with_clients
from tests.cluster.programs import haproxy_reads_on
from tests.wire import wait_until


def test_work_goes_to_every_card_and_each_answer_to_its_client(two_cards: Box) -> None:
    answers = keep_busy(two_cards.url, 8, lambda _: 0.1, requests=60)
    assert all(answer.heard == answer.token for answer in answers)
    shares = journal.writers(two_cards.journal)
    assert min(shares["card-0"], shares["card-1"]) >= 24
    assert set(journal.counts(two_cards.journal, "ended").values()) == {1}


def test_the_next_waits_for_whichever_card_is_free_first(two_cards: Box) -> None:
    """Of ten short ones none is stuck behind the long one but the one that was already sent to its card."""

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        long = asyncio.create_task(send(client, "long", 4))
        await asyncio.sleep(0.3)
        short = await asyncio.gather(*(send(client, f"short{number}", 0.1) for number in range(10)))
        return [*short, await long]

    *short, long = with_clients(two_cards.url, work)
    assert statuses([*short, long]) == {200: 11}
    assert sum(answer.seconds > 2 for answer in short) <= 1


def test_pages_do_not_wait_behind_recordings(two_cards: Box) -> None:
    async def work(client: httpx.AsyncClient) -> list[Answer]:
        tasks = [asyncio.create_task(send(client, f"busy{number}", 0.5)) for number in range(8)]
        await asyncio.sleep(0.3)
        began = time.monotonic()
        for path in ("/health", "/v1/models", "/cards/1/metrics"):
            assert (await client.get(path)).status_code == 200
        assert time.monotonic() - began < 0.4
        return list(await asyncio.gather(*tasks))

    assert statuses(with_clients(two_cards.url, work)) == {200: 8}


def test_a_full_queue_refuses_in_our_words_and_before_the_upload(tmp_path: Path) -> None:
    """60 clients at once, 4 + 4 places: some are served, the others told when to come again, none is lost.

    An older HAProxy closes a connection on which a client still sends: there the bodies are small ones.
    """
    body = bytes(3_000_000) if haproxy_reads_on() else PCM
    with box(tmp_path, cards=2, max_queue_size="4") as running:

        async def work(client: httpx.AsyncClient) -> list[Answer]:
            return list(await asyncio.gather(*(send(client, f"o{n}", 0.3, body) for n in range(60))))

        answers = with_clients(running.url, work)
        assert set(statuses(answers)) == {200, 503}
        assert statuses(answers)[200] >= 8
        refused = [answer for answer in answers if answer.status == 503]
        assert {answer.code for answer in refused} == {"busy"}
        assert all(int(answer.retry_after or 0) > 0 for answer in refused)
        done = journal.counts(running.journal, "ended")
        assert set(done) == {answer.token for answer in answers if answer.status == 200}
        assert set(done.values()) == {1}


def test_a_client_with_one_request_waits_for_one_job_of_each_card_at_most(tmp_path: Path) -> None:
    """One key has sent 20, another sends 1: it is next, after what the cards have already taken."""
    with box(tmp_path, cards=2, api_key="many,one") as running:

        async def work(client: httpx.AsyncClient) -> list[Answer]:
            many = {"Authorization": "Bearer many"}
            tasks = [asyncio.create_task(send(client, f"m{n}", 0.5, **many)) for n in range(20)]
            await asyncio.sleep(0.4)
            alone = await send(client, "alone", 0.1, Authorization="Bearer one")
            return [alone, *await asyncio.gather(*tasks)]

        alone, *many = with_clients(running.url, work)
        assert statuses([alone, *many]) == {200: 21}
        assert alone.seconds < 2 * 0.5 + 0.4


def test_a_newcomer_gets_in_where_one_client_has_filled_the_queue(tmp_path: Path) -> None:
    with box(tmp_path, cards=1, api_key="many,one", max_queue_size="3") as running:

        async def work(client: httpx.AsyncClient) -> list[Answer]:
            many = {"Authorization": "Bearer many"}
            tasks = [asyncio.create_task(send(client, f"m{n}", 0.4, **many)) for n in range(12)]
            await asyncio.sleep(0.3)
            alone = await send(client, "alone", 0.1, Authorization="Bearer one")
            return [alone, *await asyncio.gather(*tasks)]

        alone, *many = with_clients(running.url, work)
        assert alone.status == 200
        assert statuses(many)[503] >= 4


def test_a_card_that_is_added_takes_its_share_and_no_request_fails(tmp_path: Path) -> None:
    with box(tmp_path, cards=1) as running:
        with under_load(running.url, 6, 0.1) as answers:
            added = running.add_card()
            wait_until(lambda: journal.writers(running.journal)[added.name] >= 5, 20)
        assert set(statuses(answers)) == {200}


@pytest.mark.parametrize("path", ["/health", "/asr"])
def test_without_any_card_the_answer_is_ours(tmp_path: Path, path: str) -> None:
    with box(tmp_path, cards=0) as running:
        answer = httpx.request("POST" if path == "/asr" else "GET", f"{running.url}{path}")
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        assert int(answer.headers["Retry-After"]) > 0
