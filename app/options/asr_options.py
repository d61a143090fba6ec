"""Every option of POST /asr: the one place that knows its name, type, default, range and description."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from app.options.fields import (
    AlignWay,
    BeamSize,
    ChannelChoice,
    Language,
    Length,
    LineCount,
    LineWidth,
    LongestCue,
    Moment,
    Names,
    OutputFormat,
    Padding,
    Phrase,
    Score,
    ShortestCue,
    SpeakerCount,
    Task,
    Temperature,
    TrackName,
    TranscriptText,
)
from app.transcript import Seconds


class AsrOptions(BaseModel):
    """What one request asks for; every value has been checked.

    Switches are written as true, 1, yes, on, y, t and their opposites, in any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task = Field(
        "transcribe",
        description="transcribe writes what is said; translate writes it in English.",
        examples=["transcribe"],
    )
    language: Language = Field(
        None,
        description="Spoken language as ISO 639 code, tag such as pt-BR or English name; auto detects it, of "
        "several, separated by commas, the likeliest, passage by passage. zh-Hans and zh-Hant say in which "
        "characters Chinese is written.",
        examples=["en", "german", "zh-Hans", "auto", "de,en"],
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
    align: AlignWay = Field(
        "auto",
        description="How words are timed: by a wav2vec2 aligner of the language, by Whisper's attention, "
        "which is coarser and knows every language, or auto: by attention where there is no aligner.",
        examples=["auto"],
    )
    diarize: bool = Field(
        True,
        description="Tell speakers apart. Alias: enable_diarization. With encode=false or channels=split the "
        "default is false.",
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
    transcript: TranscriptText | None = Field(
        None,
        description="What is said, where it is known already: plain text, SRT, VTT or the JSON of an answer. "
        "Nothing is recognised then; the answer holds this text with its times and speakers.",
        examples=["Good morning, everybody."],
    )
    temperature: Temperature = Field(
        0.0,
        description="Chance in the choice of words: 0 takes the likeliest, up to 1 tries others and is no "
        "longer the same each time.",
        examples=[0.0],
    )
    beam_size: BeamSize = Field(
        5,
        description="How many texts are followed at once at temperature 0; 1 is the fastest.",
        examples=[5],
    )
    suppress_numerals: bool = Field(
        False,
        description="Write numbers as words, which align better: no figures, no signs such as %.",
        examples=[True],
    )
    verbatim: bool = Field(
        False,
        description="Keep um, uh and repeated words, by a prompt that has some; Whisper follows it mostly.",
        examples=[True],
    )
    vad_onset: Score | None = Field(
        None,
        description="How surely somebody must speak for speech to begin; lower hears quieter people, "
        "and more that is no speech. Unset: VAD_ONSET.",
        examples=[0.5],
    )
    vad_offset: Score | None = Field(
        None,
        description="Speech goes on while somebody speaks at least so surely; at most vad_onset. "
        "Unset: VAD_OFFSET.",
        examples=[0.35],
    )
    vad_pad: Padding | None = Field(
        None,
        description="Seconds of sound that are heard before and after what is speech. Unset: VAD_PAD.",
        examples=[0.2],
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
    start: Moment | None = Field(
        None,
        description="Where to begin: what lies before is not decoded. Times in the answer stay those of the "
        "whole recording, see offset_times.",
        examples=["90", "01:02:03.500"],
    )
    duration: Length | None = Field(
        None, description="How much to work on, from start on; unset: all that follows.", examples=["60"]
    )
    offset_times: bool = Field(
        True,
        description="Times count from the beginning of the recording; false counts them from start.",
        examples=[True],
    )
    audio_track: TrackName | None = Field(
        None,
        description="Sound track of a film, by its number from 1 on or by its language; unset: the first "
        "that can be decoded.",
        examples=["2", "ger"],
    )
    channels: ChannelChoice = Field(
        "mix",
        description="split hears every channel on its own, for one person per channel, and makes the channel "
        "the speaker; auto does so where it is sure; mix puts all into one.",
        examples=["split"],
    )
    channel_names: Names | None = Field(
        None,
        description="What the people on the channels are called, with commas between; unset: CHANNEL_0, ...",
        examples=["Agent,Customer"],
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

    max_cue_seconds: LongestCue | None = Field(
        None, description="Longest time that a cue of srt and vtt stays; unset: 7.", examples=[7]
    )
    min_cue_seconds: ShortestCue | None = Field(
        None,
        description="Shortest time of a cue of srt and vtt, where the next one leaves room; unset: 0.8.",
        examples=[1.2],
    )

    @property
    def shift(self) -> Seconds:
        """Return how much later times are in the answer than in the part that is worked on."""
        return (self.start or 0.0) if self.offset_times else 0.0

    @property
    def names_of_channels(self) -> tuple[str, ...]:
        """Return the names that were given to the first channels."""
        return () if self.channel_names is None else tuple(self.channel_names.split(","))

    @property
    def spoken_language(self) -> str | None:
        """Return Whisper's code of the one language that is spoken; None: detect."""
        return None if self.language is None or "," in self.language else self.language.partition("-")[0]

    @property
    def candidate_languages(self) -> tuple[str, ...]:
        """Return the codes of the languages that may be spoken, where several were named; else ()."""
        written = self.language if self.language and "," in self.language else ""
        return tuple(dict.fromkeys(each.partition("-")[0] for each in written.split(",") if each))

    @property
    def chinese_script(self) -> str | None:
        """Return hans or hant where Chinese is wanted in it."""
        scripts = (each.partition("-")[2] for each in (self.language or "").split(","))
        return next(filter(None, scripts), None)


OPTION_ALIASES: Mapping[str, str] = MappingProxyType(
    {"output": "output_format", "enable_diarization": "diarize"}
)
"""Other names under which clients send an option."""

TOLERATED_NAMES = frozenset({"audio_file", "video_file"})
"""Names that say nothing to us and cause no warning: the upload itself, and the path that Bazarr sends."""
