"""The known sound reaches the networks of all three stages."""

import asyncio
import time

from app.composition import build_engine_stack
from app.engines.interfaces import SpeakerCountRange, TranscriptionRequest
from app.errors import EngineFailed
from app.health.preloader import load_expected
from app.health.self_check import SPOKEN_SECONDS, SPOKEN_TEXT, KnownSound, SelfCheck
from app.settings.schema import Settings
from app.transcript import Segment
from app.work.worker import Worker


def stay() -> None:
    """A checkpoint that stops nothing."""


def test_whisper_the_aligner_and_the_pipeline_hear_the_known_sound() -> None:
    stack = build_engine_stack(Settings(_env_file=None, device="cpu", preload_model="demo"))
    sound, model = KnownSound().waveform, stack.catalogue.resolve()
    with stack.engines.transcriber(model, stay) as lease:
        request = TranscriptionRequest(language="en")
        heard = lease.run(lambda engine: engine.transcribe(sound, request, stay))
    assert [segment.text for segment in heard.segments] == [SPOKEN_TEXT]
    with stack.engines.aligner(model, "en", stay) as lease:
        assert lease is not None
        segments = (Segment(0.0, SPOKEN_SECONDS, SPOKEN_TEXT),)
        (timed,) = lease.run(lambda engine: engine.align(sound, segments, stay))
    assert all(word.start is not None for word in timed.words or ())
    assert timed.words
    with stack.engines.diarizer(model, stay) as lease:
        turns = lease.run(lambda engine: engine.diarize(sound, SpeakerCountRange(), stay)).turns
    assert len({turn.speaker for turn in turns}) == 1


def test_suspicion_of_loaded_engines_is_settled_by_themselves() -> None:
    asyncio.run(suspect_and_watch())


async def suspect_and_watch() -> None:
    stack = build_engine_stack(Settings(_env_file=None, device="cpu", preload_model="demo"))
    worker = Worker(1, 1)
    check = SelfCheck(stack.ledger, stack.engines, worker, is_loaded=stack.is_loaded, tick_seconds=0.01)
    for engine in stack.ledger.expected:
        load_expected(stack.engines, engine)
        assert stack.is_loaded(engine.id)
        stack.ledger.record_run(engine.id, EngineFailed(engine.id.stage.noun))
    await worker.start()
    watching = asyncio.create_task(check.watch())
    try:
        deadline = time.monotonic() + 60
        while any(stack.ledger.is_suspect(engine.id) for engine in stack.ledger.expected):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    finally:
        watching.cancel()
        await worker.stop()
    assert stack.ledger.report().status == "healthy"
