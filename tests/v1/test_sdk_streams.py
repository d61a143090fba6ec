"""Streams of the real engines, read with the Python SDK; what they are on the wire: test_stream.py."""

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import openai
import soundfile

from tests.service import Service


def test_a_stream_is_the_plain_answer_piece_by_piece(live_service: Service, opening: Path) -> None:
    """Both are asked for at the same time."""

    async def ask() -> tuple[str, list[Any]]:
        async with openai.AsyncOpenAI(base_url=f"{live_service.url}/v1", api_key="any") as client:

            async def streamed() -> list[Any]:
                events = await create(client, opening, stream=True)
                return [event async for event in events]

            answer, events = await asyncio.gather(create(client, opening), streamed())
            return answer.text, events

    plain, (*deltas, done) = asyncio.run(ask())
    assert len(deltas) >= 2
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == done.text == plain


async def create(client: openai.AsyncOpenAI, recording: Path, **fields: Any) -> Any:
    return await client.audio.transcriptions.create(file=recording, model="whisper-1", **fields)


def test_a_stream_of_silence_is_its_end_alone(sdk: openai.OpenAI) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(3 * 16000, np.int16), 16000, format="WAV")
    file = ("silence.wav", buffer.getvalue())
    (done,) = sdk.audio.transcriptions.create(file=file, model="whisper-1", stream=True)
    assert (done.type, done.text) == ("transcript.text.done", "")
