"""How a cell of Ray Serve shares work out, refuses, and grows and shrinks by itself."""

import asyncio
import time

import httpx
import pytest

from tests.cluster import journal
from tests.cluster.cells import SleepingCell, wait_for_replicas
from tests.cluster.load import Answer, keep_busy, send, statuses, under_load, with_clients
from tests.wire import wait_until

pytest.importorskip("ray", reason="Ray is missing: make cluster-test installs it")


def test_work_goes_to_every_replica_and_each_answer_to_its_client(two_replicas: SleepingCell) -> None:
    answers = keep_busy(two_replicas.url, 8, lambda _: 0.1, requests=60, name="share")
    assert all(answer.heard == answer.token for answer in answers)
    ended = [each for each in journal.read(two_replicas.journal) if each.token.startswith("share")]
    workers = [each.writer for each in ended if each.what == "ended"]
    assert len(workers) == 60
    assert min(workers.count(worker) for worker in set(workers)) >= 20


def test_overload_is_refused_in_our_words(two_replicas: SleepingCell) -> None:
    """60 clients at once before two replicas of one slot and four waiting places each; none is lost."""

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        return list(await asyncio.gather(*(send(client, f"over{n}", 0.3) for n in range(60))))

    answers = with_clients(two_replicas.url, work)
    assert set(statuses(answers)) == {200, 503}
    assert statuses(answers)[200] >= 8
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.code for answer in refused} == {"busy"}
    assert all(int(answer.retry_after or 0) > 0 for answer in refused)
    done = journal.counts(two_replicas.journal, "ended", "over")
    assert set(done) == {answer.token for answer in answers if answer.status == 200}
    assert set(done.values()) == {1}


def test_a_client_with_one_request_waits_for_two_jobs_at_most(two_replicas: SleepingCell) -> None:
    """One client has sent eight, another sends one; a proxy in front of the cell says who is who."""

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        many = {"X-Forwarded-For": "203.0.113.1"}
        tasks = [asyncio.create_task(send(client, f"many{n}", 0.5, **many)) for n in range(8)]
        await asyncio.sleep(0.3)
        alone = await send(client, "alone", 0.1, **{"X-Forwarded-For": "203.0.113.2"})
        return [alone, *await asyncio.gather(*tasks)]

    alone, *many = with_clients(two_replicas.url, work)
    assert statuses([alone, *many]) == {200: 9}
    assert alone.seconds < 2 * 0.5 + 0.4


def test_the_cell_grows_with_its_queue_and_shrinks_without_losing_a_request(
    two_replicas: SleepingCell,
) -> None:
    """Five clients, whom one replica has room for: one in work and four that wait."""
    config = two_replicas.config(2)
    (deployment,) = config["applications"][0]["deployments"]
    del deployment["num_replicas"]
    deployment["autoscaling_config"] = {
        "min_replicas": 1,
        "max_replicas": 3,
        "target_ongoing_requests": 2,
        "metrics_interval_s": 1,
        "look_back_period_s": 3,
        "upscale_delay_s": 2,
        "downscale_delay_s": 5,
    }
    two_replicas.cell.deploy(config)
    with under_load(two_replicas.url, 5, 0.3, "grow") as answers:
        wait_for_replicas(two_replicas, 3, 40)
        time.sleep(2)
    wait_until(lambda: len(two_replicas.pids()) == 1, 60)
    assert set(statuses(answers)) == {200}
    ended = journal.counts(two_replicas.journal, "ended", "grow")
    assert set(ended.values()) == {1}
