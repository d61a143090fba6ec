"""Every option of POST /asr: the one place that knows its name, type, default, range and description."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from app.options.fields import (
    Language,
    LineCount,
    LineWidth,
    OutputFormat,
    Phrase,
    SpeakerCount,
    Task,
    Temperature,
)


class AsrOptions(BaseModel):
    """What one request asks for; every value has been checked.

    Switches are written as true, 1, yes, on, y, t and their opposites, in any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task = Field(
        "transcribe",
        description="transcribe writes what is said; translate writes it in English, without word times.",
        examples=["transcribe"],
    )
    language: Language = Field(
        None,
        description="Spoken language as ISO 639 code, tag such as pt-BR or English name; auto detects it.",
        examples=["en", "german", "auto"],
    )
    model: str | None = Field(
        None,
        max_length=200,
        description="Whisper model by name, see GET /v1/models, or repository; empty takes the default.",
        examples=["large-v3"],
    )
    output_format: OutputFormat = Field(
        "json",
        description="Form of the answer. Alias: output; with output=json text is one string. txt means text.",
        examples=["json", "srt"],
    )
    word_timestamps: bool = Field(
        True,
        description="Align the text with the sound, so that every word has its time.",
        examples=[True],
    )
    diarize: bool = Field(
        True,
        description="Tell speakers apart. Alias: enable_diarization. With encode=false the default is false.",
        examples=[True],
    )
    num_speakers: SpeakerCount | None = Field(
        None,
        description="Exact number of speakers, where known; overrides min_speakers and max_speakers.",
        examples=[2],
    )
    min_speakers: SpeakerCount | None = Field(None, description="Fewest speakers to look for.", examples=[2])
    max_speakers: SpeakerCount | None = Field(None, description="Most speakers to look for.", examples=[4])
    initial_prompt: Phrase | None = Field(
        None,
        description="Text that sets style and spelling, as if it had been said just before the recording.",
        examples=["Minutes of the Helsinki planning meeting."],
    )
    hotwords: Phrase | None = Field(
        None,
        description="Names and terms to listen for, separated by commas.",
        examples=["Speakr, pyannote, Helsinki"],
    )
    temperature: Temperature = Field(
        0.0,
        description="Chance in the choice of words: 0 takes the likeliest, up to 1 tries others and is no "
        "longer the same each time.",
        examples=[0.0],
    )
    return_speaker_embeddings: bool = Field(
        False,
        description="Add one voice vector per speaker to the JSON answer, to know people again later.",
        examples=[True],
    )
    encode: bool = Field(
        True,
        description="false: the upload is raw 16-bit little-endian PCM, 16 kHz, mono, and is not decoded.",
        examples=[True],
    )
    split_speakers: bool = Field(
        True,
        description="Split a segment where the speaker changes; false keeps it whole under its main speaker.",
        examples=[True],
    )
    fill_nearest: bool = Field(
        True,
        description="Give a word outside every turn to the nearest speaker; false leaves it without one.",
        examples=[True],
    )
    max_line_width: LineWidth | None = Field(
        None,
        description="Characters per line of srt and vtt; unset: 42, in Chinese, Japanese and Korean 21.",
        examples=[42],
    )
    max_line_count: LineCount | None = Field(
        None, description="Lines per cue of srt and vtt; unset: 2.", examples=[2]
    )
    highlight_words: bool = Field(
        False,
        description="Underline each word of srt and vtt while it is spoken, in one cue per word.",
        examples=[True],
    )
    stream: bool = Field(
        False,
        description="Answer at once with events: place in the queue, progress, text, at the end the result.",
        examples=[True],
    )


OPTION_ALIASES: Mapping[str, str] = MappingProxyType(
    {"output": "output_format", "enable_diarization": "diarize"}
)
"""Other names under which clients send an option."""

TOLERATED_NAMES = frozenset({"audio_file", "video_file"})
"""Names that say nothing to us and cause no warning: the upload itself, and the path that Bazarr sends."""
