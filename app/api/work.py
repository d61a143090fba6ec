"""Runs a submission in the worker: wait for a slot, decode, do the work; the times go into the headers."""

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request

from app.api.dependencies import Services
from app.api.intake.submission import Submission
from app.api.middleware.server_timing import record_stages
from app.api.request_record import record_of
from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.platform.allocator import return_freed_memory
from app.pipeline import Run
from app.stage import Stage

T = TypeVar("T")


async def run_submission(
    request: Request, services: Services, submission: Submission, work: Callable[[Waveform, Run], T]
) -> T:
    """Return what `work` makes of the decoded recording; it runs in a thread, when the client's turn comes.

    Raises: what the worker, the decoder and `work` raise.
    """
    record = record_of(request)
    stage_seconds: dict[Stage, float] = {}

    def decode_and_work(checkpoint: Checkpoint) -> T:
        run = Run(checkpoint, list(submission.warnings), stage_seconds)
        with run.stage(Stage.DECODE):
            waveform = _decoded(services.decoder, submission, run)
        record.audio_seconds = len(waveform) / SAMPLE_RATE
        try:
            return work(waveform, run)
        finally:
            return_freed_memory()

    try:
        return await submission.place.run(decode_and_work)
    finally:
        waited = submission.place.queue_seconds
        record_stages(request, {**({} if waited is None else {Stage.QUEUE: waited}), **stage_seconds})


def _decoded(decoder: Decoder, submission: Submission, run: Run) -> Waveform:
    """Return the samples of the upload, which is gone then, whatever comes of it."""
    try:
        with submission.upload.borrow() as path:
            raw_pcm = not submission.options.encode
            return decoder.decode(path, run.checkpoint, raw_pcm=raw_pcm, warn=run.warnings.append)
    finally:
        submission.upload.close()
