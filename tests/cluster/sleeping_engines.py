"""Engines whose work is to sleep: what surrounds them is measured, however few cores there are."""

import time
from dataclasses import dataclass
from pathlib import Path

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import Transcription, TranscriptionRequest
from app.events import Listener, nobody_listens
from app.transcript import Segment
from tests.cluster.journal import Journal
from tests.fake_engines import FakeEngines

CHECK_SECONDS = 0.01


@dataclass
class SleepingEngines(FakeEngines):
    """The initial prompt says what to do: "token:seconds". The token is what was heard."""

    path: Path = Path("journal")
    writer: str = "replica"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.journal = Journal(self.path, self.writer)

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        token, _, seconds = (request.initial_prompt or "unnamed").partition(":")
        with self.journal.working_on(token):
            until = time.monotonic() + float(seconds or 0)
            while (left := until - time.monotonic()) > 0:
                checkpoint()
                time.sleep(min(left, CHECK_SECONDS))
        return Transcription((Segment(0.0, 1.0, token),), request.language or "en", None)
