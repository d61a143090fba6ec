"""The known sound reaches the networks of all three stages."""

import asyncio
import time

from app.composition import build_engine_room
from app.engines.interfaces import SpeakerBounds, TranscriptionRequest
from app.errors import EngineFailed
from app.health.preloader import load_part
from app.health.self_check import SAID, SAID_SECONDS, KnownSound, SelfCheck
from app.settings.schema import Settings
from app.transcript import Segment
from app.work.worker import Worker


def stay() -> None:
    """A checkpoint that stops nothing."""


def test_whisper_the_aligner_and_the_pipeline_hear_the_known_sound() -> None:
    room = build_engine_room(Settings(_env_file=None, device="cpu", preload_model="demo"))
    sound, model = KnownSound().waveform, room.catalogue.resolve()
    with room.engines.transcriber(model, stay) as transcriber:
        heard = transcriber.transcribe(sound, TranscriptionRequest(language="en"), stay)
    assert [segment.text for segment in heard.segments] == [SAID]
    with room.engines.aligner(model, "en", stay) as aligner:
        assert aligner is not None
        (timed,) = aligner.align(sound, (Segment(0.0, SAID_SECONDS, SAID),), stay)
    assert all(word.start is not None for word in timed.words or ())
    assert timed.words
    with room.engines.diarizer(model, stay) as diarizer:
        turns = diarizer.diarize(sound, SpeakerBounds(), stay).turns
    assert len({turn.speaker for turn in turns}) == 1


def test_suspicion_of_loaded_engines_is_settled_by_themselves() -> None:
    asyncio.run(suspect_and_watch())


async def suspect_and_watch() -> None:
    room = build_engine_room(Settings(_env_file=None, device="cpu", preload_model="demo"))
    worker = Worker(1, 1)
    check = SelfCheck(room.ledger, room.engines, worker, is_loaded=room.is_loaded, tick_seconds=0.01)
    for part in room.ledger.parts:
        load_part(room.engines, part)
        assert room.is_loaded(part.subject)
        room.ledger.ran(part.subject, EngineFailed(part.subject.stage.noun))
    await worker.start()
    watching = asyncio.create_task(check.watch())
    try:
        deadline = time.monotonic() + 60
        while any(room.ledger.is_suspect(part.subject) for part in room.ledger.parts):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    finally:
        watching.cancel()
        await worker.stop()
    assert room.ledger.report().status == "healthy"
