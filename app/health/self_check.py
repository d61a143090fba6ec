"""Tries an engine whose runs broke with a short known sound: is it the engine, or was it the recording?"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.failures import is_engine_failure
from app.engines.interfaces import Engines, SpeakerCountRange, TranscriptionRequest
from app.errors import AsrError, DeadlineExceeded
from app.health.ledger import Ledger
from app.models.engine_id import EngineId
from app.stage import Stage
from app.transcript import Seconds, Segment
from app.work.worker import Worker

logger = logging.getLogger(__name__)

CHECK_SECONDS: Seconds = 120
"""A check that has not ended by then is given up at its next checkpoint, and nothing is concluded."""
CLIENT = "self-check"
"""Under this name checks take their turn among the clients."""
SPOKEN_TEXT = "Hello Julia, how are you?"
SPOKEN_SECONDS: Seconds = 2.1
_MEETING = Path(__file__).parents[1] / "demo" / "meeting.flac"


class KnownSound:
    """The first sentence of the demo bundle's meeting, decoded when it is first needed."""

    @cached_property
    def waveform(self) -> Waveform:
        """Two seconds of clear speech; every voice activity detection hears it."""
        return Decoder().decode(_MEETING, lambda: None)[: int(SPOKEN_SECONDS * SAMPLE_RATE)].copy()


class SelfCheck:
    """Looks for engines that are suspect, and lets the worker try them in their turn like any request."""

    def __init__(
        self,
        ledger: Ledger,
        engines: Engines,
        worker: Worker,
        *,
        is_loaded: Callable[[EngineId], bool],
        tick_seconds: Seconds = 1,
    ) -> None:
        self._ledger = ledger
        self._engines = engines
        self._worker = worker
        self._is_loaded = is_loaded
        self._tick_seconds = tick_seconds
        self._expected = frozenset(engine.id for engine in ledger.expected)
        self._sound = KnownSound()

    async def watch(self) -> None:
        """Check what is suspect, one engine at a time, until cancelled."""
        while True:
            await asyncio.sleep(self._tick_seconds)
            for engine_id in self._ledger.due_for_check():
                # Where threads hang, a further one might hang as well; the service is unhealthy anyway.
                if self._worker.stats().healthy:
                    await self._check(engine_id)

    async def _check(self, engine_id: EngineId) -> None:
        try:
            with self._worker.place(CLIENT) as place:
                await place.run(partial(self._try, engine_id))
        except Exception as exc:
            # No place in the queue, a model that is not there, no time: others tell of that.
            shown = None if isinstance(exc, AsrError) else exc
            logger.warning("%s could not be checked: %s", engine_id.stage.noun, exc, exc_info=shown)
            self._ledger.postpone_check(engine_id)

    def _try(self, engine_id: EngineId, checkpoint: Checkpoint) -> None:
        """Check `engine_id` unless that is settled by now; in a worker's thread."""
        if not self._ledger.is_suspect(engine_id):
            return
        if engine_id not in self._expected and not self._is_loaded(engine_id):
            self._ledger.record_check_passed(engine_id)
            return
        waveform = self._sound.waveform
        try:
            self._run_engine(engine_id, waveform, _limited(checkpoint))
        except BaseException as exc:
            if not is_engine_failure(exc):
                raise
            logger.error(
                "%s with %s fails on a known sound", engine_id.stage.noun, engine_id.name, exc_info=exc
            )
            self._ledger.record_check_failed(engine_id, exc)
        else:
            logger.info("%s with %s works on a known sound", engine_id.stage.noun, engine_id.name)
            self._ledger.record_check_passed(engine_id)

    def _run_engine(self, engine_id: EngineId, waveform: Waveform, checkpoint: Checkpoint) -> None:
        if engine_id.stage is Stage.DIARIZE:
            with self._engines.diarizer(engine_id.model, checkpoint) as diarizing:
                diarizing.run(lambda engine: engine.diarize(waveform, SpeakerCountRange(), checkpoint))
        elif engine_id.stage is Stage.ALIGN:
            assert engine_id.language is not None
            with self._engines.aligner(engine_id.model, engine_id.language, checkpoint) as aligning:
                if aligning is not None:
                    segments = (Segment(0.0, SPOKEN_SECONDS, SPOKEN_TEXT),)
                    aligning.run(lambda engine: engine.align(waveform, segments, checkpoint))
        else:
            with self._engines.transcriber(engine_id.model, checkpoint) as transcribing:
                request = TranscriptionRequest(language="en")
                transcribing.run(lambda engine: engine.transcribe(waveform, request, checkpoint))


def _limited(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint that also ends what has taken CHECK_SECONDS."""
    until = time.monotonic() + CHECK_SECONDS

    def limited() -> None:
        checkpoint()
        if time.monotonic() > until:
            raise DeadlineExceeded(CHECK_SECONDS)

    return limited
