"""A transcript as OpenAI's JSON: json, verbose_json and diarized_json, and their one line of text."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.api.openai.speaker_names import names_of
from app.api.openai.tokens import deal_out, logprobs
from app.api.openai.words import timed_words
from app.formats.sanitize import plain_line
from app.options.languages import LANGUAGES_WITHOUT_SPACES, UNDETERMINED, language_name
from app.transcript import Segment, Transcript, Word


def plain_text(segments: Sequence[Segment], language: str) -> str:
    """Return what is said as one line, without speakers."""
    return joint(language).join(filter(None, (plain_line(segment.text) for segment in segments)))


def joint(language: str) -> str:
    """Return what stands between two sentences in `language` (Whisper's code)."""
    return "" if language in LANGUAGES_WITHOUT_SPACES else " "


def json_document(transcript: Transcript, *, translated: bool, with_logprobs: bool) -> dict[str, Any]:
    """Return the document of response_format=json; translations have no more than their text."""
    text = plain_text(transcript.segments, transcript.language)
    if translated:
        return {"text": text}
    known = {"logprobs": logprobs(transcript.segments)} if with_logprobs else {}
    return {"text": text, "languages": languages_of(transcript), **known, "usage": usage(transcript)}


def verbose_document(
    transcript: Transcript, *, translated: bool, with_segments: bool, with_words: bool
) -> dict[str, Any]:
    """Return the document of response_format=verbose_json; what does not apply is absent, never null."""
    language = "en" if translated else transcript.language
    document: dict[str, Any] = {
        "task": "translate" if translated else "transcribe",
        "language": language_name(language),
        "duration": round(transcript.duration, 3),
        "text": plain_text(transcript.segments, language),
    }
    if with_segments:
        document["segments"] = verbose_segments(transcript)
    if with_words:
        document["words"] = words_of(transcript)
    return document if translated else {**document, "usage": usage(transcript)}


def diarized_document(transcript: Transcript, known: Collection[str]) -> dict[str, Any]:
    """Return the document of response_format=diarized_json; `known` are the names that the client gave."""
    return {
        "task": "transcribe",
        "duration": round(transcript.duration, 3),
        "text": plain_text(transcript.segments, transcript.language),
        "segments": diarized_segments(transcript, known),
        "usage": usage(transcript),
    }


def verbose_segments(transcript: Transcript) -> list[dict[str, Any]]:
    """Return segments with OpenAI's ten fields, all of them numbers and text; a speaker only if known."""
    return [
        {
            "id": number,
            "seek": int(segment.start * 100),
            **_times(segment.start, segment.end),
            "text": f" {plain_line(segment.text)}",
            "tokens": [token.number for token in tokens],
            **_figures(segment),
            **_speaker(segment.speaker),
        }
        for number, (segment, tokens) in enumerate(deal_out(transcript.segments))
    ]


def words_of(transcript: Transcript) -> list[dict[str, Any]]:
    """Return every word with its times."""
    return [
        {
            "word": plain_line(word.text),
            **_times(word.start or 0.0, word.end or 0.0),
            **_score(word),
            **_speaker(word.speaker),
        }
        for segment in transcript.segments
        for word in timed_words(segment, transcript.language)
    ]


def diarized_segments(transcript: Transcript, known: Collection[str]) -> list[dict[str, Any]]:
    """Return who says what: everything with a name."""
    spoken = [segment for segment in transcript.segments if plain_line(segment.text)]
    names = names_of((segment.speaker for segment in spoken), known)
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            **_times(segment.start, segment.end),
            "text": plain_line(segment.text),
            "speaker": names[segment.speaker],
        }
        for number, segment in enumerate(spoken)
    ]


def usage(transcript: Transcript) -> dict[str, Any]:
    """Return what OpenAI would bill: whole seconds."""
    return {"type": "duration", "seconds": math.ceil(transcript.duration)}


def languages_of(transcript: Transcript) -> list[dict[str, str]]:
    """Return the spoken languages in the form of gpt-transcribe; nothing where nobody speaks."""
    if transcript.language == UNDETERMINED:
        return []
    return [{"code": code} for code in transcript.languages or (transcript.language,)]


def _figures(segment: Segment) -> dict[str, float]:
    """Return how the chunk was decoded that the segment is from."""
    decoding, logprob = segment.decoding, segment.avg_logprob
    return {
        "temperature": decoding.temperature if decoding else 0.0,
        "avg_logprob": round(logprob, 6) if logprob is not None and math.isfinite(logprob) else -1.0,
        "compression_ratio": round(decoding.compression_ratio, 6) if decoding else 1.0,
        "no_speech_prob": decoding.no_speech_prob if decoding else 0.0,
    }


def _times(start: float, end: float) -> dict[str, float]:
    return {"start": round(start, 3), "end": round(max(start, end), 3)}


def _score(word: Word) -> Mapping[str, float]:
    return {} if word.score is None or not math.isfinite(word.score) else {"score": round(word.score, 3)}


def _speaker(speaker: str | None) -> Mapping[str, str]:
    return {} if speaker is None else {"speaker": speaker}
