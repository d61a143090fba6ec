import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.work.fair_queue import FairQueue


def drain(queue: FairQueue[str]) -> list[str]:
    return [queue.pop() for _ in range(len(queue))]


def test_one_client_is_served_in_order_of_arrival() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in "abcd":
        queue.push(item, "bulk")
    assert drain(queue) == list("abcd")


def test_a_bulk_uploader_does_not_starve_the_others() -> None:
    """With a hundred items of one client waiting, another client's first is next but one at the latest."""
    queue: FairQueue[str] = FairQueue()
    for number in range(100):
        queue.push(f"bulk-{number}", "bulk")
    assert queue.pop() == "bulk-0"
    queue.push("single", "other")
    assert "single" in (queue.pop(), queue.pop())


def test_clients_that_always_wait_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for client in "ab":
        for number in range(10):
            queue.push(f"{client}{number}", client)
    served = drain(queue)
    for start in range(0, 20, 2):
        assert {name[0] for name in served[start : start + 2]} == {"a", "b"}


def test_a_client_that_comes_back_does_not_overtake_those_who_waited() -> None:
    """One that sends its next item whenever the last was served gets its share and no more."""
    queue: FairQueue[str] = FairQueue()
    for number in range(50):
        queue.push(f"bulk-{number}", "bulk")
    queue.push("eager", "eager")
    served = []
    for _ in range(40):
        served.append(queue.pop())
        if served[-1] == "eager":
            queue.push("eager", "eager")
    assert 18 <= served.count("eager") <= 22


def test_ever_new_clients_do_not_starve_an_old_one() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("old-1", "old")
    queue.push("old-2", "old")
    served = []
    for number in range(30):
        queue.push(f"new-{number}", f"new-{number}")
        served.append(queue.pop())
    assert "old-2" in served[:10]


def test_a_removed_item_is_not_served() -> None:
    queue: FairQueue[str] = FairQueue()
    first, second = "first item", "second item"
    queue.push(first, "a")
    queue.push(second, "b")
    assert queue.remove(first)
    assert not queue.remove(first)
    assert drain(queue) == [second]


def test_an_empty_queue_says_so() -> None:
    with pytest.raises(IndexError):
        FairQueue[str]().pop()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=200))
def test_every_item_is_served_once_and_in_its_clients_order(steps: list[tuple[str, bool]]) -> None:
    """Whatever comes and goes in whatever order, nothing is lost, doubled or reordered within a client."""
    queue: FairQueue[tuple[str, int]] = FairQueue()
    served = []
    for number, (client, serve) in enumerate(steps):
        queue.push((client, number), client)
        if serve:
            served.append(queue.pop())
    served += [queue.pop() for _ in range(len(queue))]
    assert sorted(served, key=lambda item: item[1]) == [(c, n) for n, (c, _) in enumerate(steps)]
    for client in "abcde":
        own = [number for name, number in served if name == client]
        assert own == sorted(own)
    assert len(queue) == 0


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(0, 10))
def test_the_order_that_is_told_is_the_order_that_is_served(clients: list[str], served: int) -> None:
    queue: FairQueue[str] = FairQueue()
    for number, client in enumerate(clients):
        queue.push(f"{client}{number}", client)
    for _ in range(min(served, len(queue))):
        queue.pop()
    assert list(queue.in_order()) == drain(queue)
