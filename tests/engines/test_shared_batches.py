"""Requests decode together: full batches, each its own results, by turns, and nobody pays for another."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from app.engines.interfaces import Transcription, TranscriptionRequest
from app.engines.whisper.rows import Features, Row, RowDecoder, Search
from app.engines.whisper.shared_batches import SharedBatches
from app.engines.whisper.sharing_transcriber import SharingTranscriber
from app.engines.whisper.transcriber import WhisperTranscriber
from app.errors import ClientLeft
from tests.engines.conftest import nothing, recordings, samples_of
from tests.engines.simulated_decoder import SimulatedDecoder

SILENCE = torch.zeros(1)
LIKELIEST = Search()


def decode(decoder: RowDecoder, sounds: Sequence[float], search: Search = LIKELIEST) -> list[int]:
    """Return what is written for each of `sounds`, which are told apart by their lengths."""
    encoded = decoder.encode([Features(SILENCE, sound) for sound in sounds])
    return [decoded.tokens[0] for decoded in decoder.decode([Row(each, (1,), search) for each in encoded])]


def at_once(
    card: SimulatedDecoder, shared: SharedBatches, works: Sequence[Callable[[], object]]
) -> list[object]:
    """Do `works` in threads of their own, all of which wait for the card before the first one gets it."""
    card.gate.clear()
    with ThreadPoolExecutor(len(works)) as threads:
        futures = [threads.submit(work) for work in works]
        assert card.entered.wait(5)
        until_asked(shared, len(works))
        card.gate.set()
        return [future.exception() or future.result() for future in futures]


def until_asked(shared: SharedBatches, count: int) -> None:
    for _ in range(500):
        if shared.requests_now == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError("not all have come")


def one(
    shared: SharedBatches, sounds: Sequence[float], search: Search = LIKELIEST
) -> Callable[[], list[int]]:
    def work() -> list[int]:
        decoder = shared.for_request(nothing)
        return decode(decoder, sounds, search)

    return work


def test_sixteen_requests_share_batches_and_each_gets_its_own_text() -> None:
    card = SimulatedDecoder()
    shared = SharedBatches(card, 16)
    answers = at_once(card, shared, [one(shared, [number]) for number in range(16)])
    assert answers == [[number] for number in range(16)]
    assert [len(sounds) for kind, sounds in card.batches if kind == "encode"] == [1, 15]
    assert len(card.batches) < 16


def test_a_batch_holds_no_more_than_it_may_and_takes_from_each_in_turn() -> None:
    card = SimulatedDecoder()
    shared = SharedBatches(card, 4)
    answers = at_once(
        card, shared, [one(shared, range(100, 120)), *(one(shared, [number]) for number in range(3))]
    )
    assert answers == [list(range(100, 120)), [0], [1], [2]]
    assert max(len(sounds) for _, sounds in card.batches) == 4
    done = [sounds for kind, sounds in card.batches if kind == "encode"]
    assert {0, 1, 2} <= {sound for sounds in done[:3] for sound in sounds}


def test_what_must_differ_is_never_mixed() -> None:
    card = SimulatedDecoder()
    shared = SharedBatches(card, 16)
    at_once(card, shared, [one(shared, [number], Search(beam_size=1 + number % 2)) for number in range(8)])
    decoded = [sounds for kind, sounds in card.batches if kind == "decode"]
    assert all(len({sound % 2 for sound in sounds}) == 1 for sounds in decoded)


def test_one_request_alone_waits_for_nobody() -> None:
    card = SimulatedDecoder()
    decoder = SharedBatches(card, 16).for_request(nothing)
    assert decode(decoder, [1, 2, 3]) == [1, 2, 3]
    assert card.batches == [("encode", (1, 2, 3)), ("decode", (1, 2, 3))]


def test_chunks_of_a_client_that_left_are_dropped() -> None:
    card = SimulatedDecoder()
    shared = SharedBatches(card, 4)
    left = threading.Event()

    def checkpoint() -> None:
        if left.is_set():
            raise ClientLeft

    def leaving() -> None:
        decoder = shared.for_request(checkpoint)
        decode(decoder, range(100, 108))

    card.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        stays = threads.submit(one(shared, range(4)))
        assert card.entered.wait(5)
        goes = threads.submit(leaving)
        until_asked(shared, 2)
        left.set()
        assert isinstance(goes.exception(5), ClientLeft)
        card.gate.set()
        assert stays.result(5) == [0, 1, 2, 3]
    assert not [sounds for _, sounds in card.batches if max(sounds) >= 100]


def test_a_chunk_that_breaks_the_engine_breaks_its_own_request_alone() -> None:
    card = SimulatedDecoder(broken=frozenset({2}))
    shared = SharedBatches(card, 16)
    answers = at_once(card, shared, [one(shared, [number]) for number in range(4)])
    assert [answers[0], answers[1], answers[3]] == [[0], [1], [3]]
    assert isinstance(answers[2], RuntimeError)


def test_when_a_shared_batch_runs_out_of_memory_smaller_ones_follow() -> None:
    card = SimulatedDecoder(fits=3)
    shared = SharedBatches(card, 16)
    answers = at_once(card, shared, [one(shared, [number]) for number in range(12)])
    assert answers == [[number] for number in range(12)]
    assert len([sounds for _, sounds in card.batches if len(sounds) > 3]) <= 3


def test_out_of_memory_of_one_request_is_left_to_its_lease() -> None:
    card = SimulatedDecoder(fits=3)
    decoder = SharedBatches(card, 16).for_request(nothing)
    with pytest.raises(RuntimeError, match="memory"):
        decode(decoder, range(4))


def test_recordings_of_the_bundle_decoded_together_have_the_texts_they_have_alone(
    transcriber: WhisperTranscriber, heard: Callable[[Path], Transcription]
) -> None:
    paths = recordings("conversation-en-*")[:3] + recordings("conversation-de")[:1]
    together = SharingTranscriber(transcriber, SharedBatches(transcriber.decoder, 8))

    def transcribe(path: Path) -> Transcription:
        return together.transcribe(samples_of(path), TranscriptionRequest(), nothing)

    with ThreadPoolExecutor(len(paths)) as threads:
        shared = list(threads.map(transcribe, paths))
    assert [[segment.text for segment in each.segments] for each in shared] == [
        [segment.text for segment in heard(path).segments] for path in paths
    ]
