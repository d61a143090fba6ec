"""Runs a submission in the worker: wait for a slot, decode, do the work; the times go into the headers."""

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request

from app.api.dependencies import Services
from app.api.request_record import record_of
from app.api.server_timing import record_stages
from app.api.submission import Submission
from app.audio import SAMPLE_RATE, Waveform
from app.engines import Checkpoint
from app.engines.host_memory import return_freed_memory
from app.pipeline import Run

T = TypeVar("T")


async def run_submission(
    request: Request, services: Services, submission: Submission, work: Callable[[Waveform, Run], T]
) -> T:
    """Return what `work` makes of the decoded recording; it runs in a thread, when the client's turn comes.

    Raises: what the worker, the decoder and `work` raise.
    """
    record = record_of(request)
    stage_seconds: dict[str, float] = {}

    def decode_and_work(checkpoint: Checkpoint) -> T:
        run = Run(checkpoint, list(submission.warnings), stage_seconds)
        with run.stage("decode"), submission.upload.borrow() as path:
            waveform = services.decoder.decode(
                path, checkpoint, raw_pcm=not submission.options.encode, warn=run.warnings.append
            )
        record.audio_seconds = len(waveform) / SAMPLE_RATE
        try:
            return work(waveform, run)
        finally:
            return_freed_memory()

    try:
        finished = await services.worker.run(decode_and_work, client=submission.client)
    finally:
        record_stages(request, stage_seconds)
    record_stages(request, {"queue": finished.queue_seconds})
    return finished.value
