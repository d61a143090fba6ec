"""JSON (.json): everything that is known; what is not known is an absent key."""

import json
from dataclasses import replace
from typing import Any

from app.formats import txt
from app.formats.cues import CueLayout
from app.formats.sanitize import replace_surrogates
from app.transcript import AudioTrack, Decoding, Segment, TextFit, Transcript, Word


def render(transcript: Transcript, _layout: CueLayout) -> str:
    """Return the document as compact JSON in which every number is finite."""
    return _compact(document(transcript))


def render_with_plain_text(transcript: Transcript, *, name_speakers: bool) -> str:
    """Return the same with `text` as one string, as clients of whisper-asr-webservice expect it.

    The string is the plain text document; the speakers stand in it only if the client asked for them.
    """
    segments = transcript.segments
    if not name_speakers:
        segments = tuple(replace(segment, speaker=None) for segment in segments)
    plain = txt.render(replace(transcript, segments=segments), CueLayout())
    return _compact({**document(transcript), "text": plain})


def _compact(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def document(transcript: Transcript) -> dict[str, Any]:
    """Return the answer of POST /asr; `text` repeats the segments, as the published example shows."""
    segments = [_segment(segment) for segment in transcript.segments]
    embeddings = transcript.speaker_embeddings
    answer: dict[str, Any] = {
        "text": segments,
        "language": transcript.language,
        "languages": {code: _rounded(share) for code, share in transcript.languages.items()} or None,
        "segments": segments,
        "word_segments": [word for segment in segments for word in segment.get("words", ())],
        "duration": _rounded(transcript.duration),
        "model": transcript.model,
        "transcript_fit": None if transcript.fit is None else _fit(transcript.fit),
        "speaker_embeddings": None if embeddings is None else dict(embeddings),
        "tracks": [_track(track) for track in transcript.tracks] if len(transcript.tracks) > 1 else None,
        "warnings": [replace_surrogates(warning) for warning in transcript.warnings] or None,
    }
    return _without_none(answer)


def _segment(segment: Segment) -> dict[str, Any]:
    return _without_none(
        {
            "start": _rounded(segment.start),
            "end": _rounded(segment.end),
            "text": replace_surrogates(segment.text).strip(),
            "speaker": segment.speaker,
            "occurs": None if segment.occurs else False,
            "language": segment.language,
            "words": None if segment.words is None else [_word(word) for word in segment.words],
            "avg_logprob": _rounded(segment.avg_logprob),
            **_decoding(segment.decoding),
        }
    )


def _fit(fit: TextFit) -> dict[str, float]:
    return {"found": round(fit.found, 3), "accounted": round(fit.accounted, 3)}


def _decoding(decoding: Decoding | None) -> dict[str, Any]:
    """Return how the stretch of speech was decoded that a segment is from."""
    if decoding is None:
        return {}
    return {
        "no_speech_prob": _rounded(decoding.no_speech_prob),
        "compression_ratio": _rounded(decoding.compression_ratio),
        "temperature": decoding.temperature,
    }


def _word(word: Word) -> dict[str, Any]:
    return _without_none(
        {
            "word": replace_surrogates(word.text).strip(),
            "start": _rounded(word.start),
            "end": _rounded(word.end),
            "score": _rounded(word.score),
            "speaker": word.speaker,
        }
    )


def _track(track: AudioTrack) -> dict[str, Any]:
    return _without_none(
        {
            "number": track.number,
            "language": track.language,
            "title": None if track.title is None else replace_surrogates(track.title),
            "channels": track.channels,
            "codec": track.codec,
        }
    )


def _rounded(number: float | None) -> float | None:
    """Return `number` to three decimals: times in whole milliseconds."""
    return None if number is None else round(number, 3)


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
