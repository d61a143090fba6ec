"""The events of POST /asr with stream=true: place in the queue, progress, text, and the answer at the end."""

import base64
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from app.api.answer import Document, write_document
from app.api.event_stream import compact_json, encode_event
from app.api.intake.submission import Submission
from app.api.live_work import LiveWork
from app.api.request_record import RequestRecord
from app.events import ChunkDecoded
from app.formats.sanitize import plain_line
from app.models.model_spec import ModelSpec
from app.options.parsing import ParsedOptions
from app.progress import Progress, Reading
from app.stage import Stage
from app.transcript import Transcript

TICK_SECONDS = 0.5
"""Progress is told no more often, but for a new stage; so often a waiting request looks for its place."""


@dataclass(slots=True)
class AsrStream:
    """Turns what one request tells of itself into the events of its answer."""

    submission: Submission[ParsedOptions[ModelSpec]]
    progress: Progress
    record: RequestRecord
    error_of: Callable[[Exception], dict[str, Any]]
    clock: Callable[[], float] = time.monotonic
    _position: int | None = None
    """The place in the queue that was told."""
    _told: Reading | None = None
    _told_at: float = 0.0

    async def events(self, live: LiveWork[Transcript]) -> AsyncGenerator[bytes]:
        """Yield the stream; a failure is an event too, and the last one."""
        for block in self._queue():
            yield block
        async for event in live.listen(TICK_SECONDS):
            if event is not None:
                self.progress.note(event)
            for block in (*self._queue(), *self._progress()):
                yield block
            if isinstance(event, ChunkDecoded) and event.segment.text.strip():
                yield _text(event)
        try:
            transcript = await live.result()
        except Exception as exc:
            yield encode_event("error", self.error_of(exc))
            return
        yield self._reading(self.progress.finish())
        yield await run_in_threadpool(self._result, transcript)

    def _queue(self) -> Iterator[bytes]:
        """Yield the place in the queue, where it is another one than before."""
        standing = self.submission.place.standing
        if standing.position != self._position:
            self._position = standing.position
            yield encode_event("queue", {"position": standing.position, "seconds": _whole(standing.seconds)})

    def _progress(self) -> Iterator[bytes]:
        """Yield how far the work is: at once where a stage begins, else now and then.

        A wait for an engine that is in memory is over before anybody could read of it.
        """
        reading, now = self.progress.read(self.submission.context.audio_seconds), self.clock()
        begins = self._told is None or (bool(reading.stage.engine_kind) and reading.stage != self._told.stage)
        due = now - self._told_at >= TICK_SECONDS and reading != self._told
        if self._position == 0 and (begins or due):
            self._told, self._told_at = reading, now
            yield self._reading(reading)

    def _reading(self, reading: Reading) -> bytes:
        length = self.submission.context.audio_seconds
        content = {
            "stage": reading.stage,
            "done": round(reading.done, 3),
            "all": round(reading.done_of_all, 3),
            "seconds_left": _whole(reading.seconds_left),
            "audio_seconds": None if length is None else round(length, 3),
        }
        return encode_event("progress", content)

    def _result(self, transcript: Transcript) -> bytes:
        """Return the last event: the document, and what headers say of one that comes by itself."""
        document = write_document(transcript, self.submission.asked)
        seconds = self.record.stage_seconds
        timing = {stage: round(seconds[stage], 3) for stage in Stage if stage in seconds}
        rest = {"timing": timing, "request_id": self.record.request_id}
        return _result_event(document, rest)


def _result_event(document: Document, rest: dict[str, Any]) -> bytes:
    """Return the event that carries `document`; one in JSON stands in it as it is."""
    head, content = {"format": document.format_name}, document.content
    if isinstance(content, bytes):
        written = {"base64": base64.b64encode(content).decode("ascii")}
    elif document.format_name == "json":
        whole = f'{compact_json(head)[:-1]},"document":{content},{compact_json(rest)[1:]}'
        return f"event: result\ndata: {whole}\n\n".encode()
    else:
        written = {"text": content}
    warnings = {"warnings": list(document.warnings)} if document.warnings else {}
    return encode_event("result", {**head, **written, **warnings, **rest})


def _text(event: ChunkDecoded) -> bytes:
    segment = event.segment
    start, end = round(segment.start, 3), round(segment.end, 3)
    return encode_event("text", {"start": start, "end": end, "text": plain_line(segment.text)})


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
