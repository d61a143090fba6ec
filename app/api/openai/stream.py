"""The events of POST /v1/audio/transcriptions with stream=true."""

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool

from app.api.event_stream import encode_event
from app.api.live_work import LiveWork
from app.api.openai.answers import done_event, names_given
from app.api.openai.audio_request import AudioRequest
from app.api.openai.documents import diarized_segments, joint, plain_text
from app.api.openai.tokens import logprobs
from app.events import ChunkDecoded
from app.formats.sanitize import plain_line
from app.transcript import Transcript

END = b"data: [DONE]\n\n"
"""The end as OpenAI sends it; without it a client may take a broken stream for a whole one."""


@dataclass(slots=True)
class Deltas:
    """The text so far, as it was told."""

    with_logprobs: bool
    told: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return what the deltas come to."""
        return "".join(self.told)

    def add(self, chunk: ChunkDecoded) -> dict[str, Any] | None:
        """Return the event of a chunk; None where it has no text."""
        text = plain_line(chunk.segment.text)
        if not text:
            return None
        self.told.append(joint(chunk.language) + text if self.told else text)
        known = {"logprobs": logprobs([chunk.segment])} if self.with_logprobs else {}
        return {"type": "transcript.text.delta", "delta": self.told[-1], **known}


async def transcription_events(
    work: LiveWork[Transcript],
    asked: AudioRequest,
    error_of: Callable[[Exception], dict[str, Any]],
) -> AsyncGenerator[bytes]:
    """Yield the stream: deltas while text is decoded, in the end who said it and the whole.

    With diarized_json the segments take the place of the deltas: who speaks is known when all is heard. A
    failure is an event too, `error_of` gives its content, and the end is not announced then.
    """
    deltas = Deltas(asked.with_logprobs)
    async for event in work.listen():
        if isinstance(event, ChunkDecoded) and asked.form != "diarized_json":
            delta = deltas.add(event)
            if delta is not None:
                yield encode_event("transcript.text.delta", delta)
    try:
        transcript = await work.result()
    except Exception as exc:
        yield encode_event("error", error_of(exc))
        return
    for block in await run_in_threadpool(lambda: list(_ending(transcript, asked, deltas.text))):
        yield block


def _ending(transcript: Transcript, asked: AudioRequest, text: str) -> Iterator[bytes]:
    whole = plain_text(transcript.segments, transcript.language)
    if asked.form == "diarized_json":
        text = whole
        for segment in diarized_segments(transcript, names_given(asked)):
            yield encode_event("transcript.text.segment", segment)
    elif not text and whole:  # of channels nothing is told before all of them are heard
        text = whole
        yield encode_event("transcript.text.delta", {"type": "transcript.text.delta", "delta": whole})
    yield encode_event("transcript.text.done", done_event(transcript, asked, text))
    yield END
