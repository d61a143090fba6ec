"""espeak-ng through its C library: audio and word events of one utterance."""

import ctypes
import re
from ctypes import CFUNCTYPE, POINTER, c_char, c_char_p, c_int, c_short, c_uint, c_void_p
from dataclasses import dataclass

import numpy as np

from .speech import Speech, SpokenWord, resample

LIBRARY = "libespeak-ng.so.1"
_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_END, _WORD, _PHONEME = 0, 1, 7  # espeak_EVENT_TYPE
_CHARACTERS, _UTF8 = 1, 1


class _EventId(ctypes.Union):
    _fields_ = [("number", c_int), ("name", c_char_p), ("string", c_char * 8)]


class _Event(ctypes.Structure):
    """espeak_EVENT."""

    _fields_ = [
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _EventId),
    ]


@dataclass(frozen=True, slots=True)
class Mark:
    """A word event (`position`: its first character, from 0) or a named phoneme event; `at` in seconds."""

    at: float
    position: int = -1
    phoneme: str = ""

    @property
    def is_pause(self) -> bool:
        return self.phoneme.startswith("_")


class Espeak:
    """One espeak-ng voice, such as `en-us+f2`."""

    def __init__(self, voice: str) -> None:
        self._espeak = ctypes.CDLL(LIBRARY)
        self._rate = self._espeak.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        self._chunks: list[np.ndarray] = []
        self._marks: list[Mark] = []
        self._callback = CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))(self._receive)
        self._espeak.espeak_SetSynthCallback(self._callback)
        if self._espeak.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")

    def _receive(
        self, wave: "ctypes._Pointer[c_short]", samples: int, events: "ctypes._Pointer[_Event]"
    ) -> int:
        if wave and samples:
            self._chunks.append(np.ctypeslib.as_array(wave, (samples,)).copy())
        index = 0
        while events[index].type != _END:
            event = events[index]
            if event.type == _WORD:
                self._marks.append(Mark(event.audio_position / 1000, position=event.text_position - 1))
            elif event.type == _PHONEME:
                name = bytes(event.id.string).decode("utf8", "ignore")
                self._marks.append(Mark(event.audio_position / 1000, phoneme=name or "?"))
            index += 1
        return 0

    def speak(self, text: str, *, rate: float = 165, pitch: float = 50, pitch_range: float = 50) -> Speech:
        """`rate` in words per minute; `pitch` and `pitch_range` on espeak's scale of 0 to 99."""
        for parameter, setting in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._espeak.espeak_SetParameter(parameter, int(setting), 0)
        self._chunks.clear()
        self._marks.clear()
        encoded = text.encode() + b"\0"
        self._espeak.espeak_Synth(encoded, len(encoded), 0, _CHARACTERS, 0, _UTF8, None, None)
        self._espeak.espeak_Synchronize()
        audio = np.concatenate(self._chunks)
        return Speech(
            resample(audio, self._rate), words_from_marks(text, self._marks, len(audio) / self._rate)
        )


def words_from_marks(text: str, marks: list[Mark], duration: float) -> tuple[SpokenWord, ...]:
    """Word times; empty if the first word has no event.

    espeak-ng merges some function words ("in the") into one event: they share its span in proportion to their
    letters and are not exact.
    """
    texts = text.split()
    positions = [match.start() for match in re.finditer(r"\S+", text)]
    spans: dict[int, tuple[float, float]] = {}
    for position, start, end in _spoken_spans(marks, duration):
        owner = max((k for k, at in enumerate(positions) if at <= position), default=0)
        if position in positions:
            spans[owner] = (start, end)
        elif owner in spans and position < positions[owner] + len(
            texts[owner]
        ):  # the rest of a hyphened word
            spans[owner] = (spans[owner][0], end)
    if 0 not in spans:
        return ()
    words: list[SpokenWord] = []
    owners = sorted(spans)
    for first, last in zip(owners, [*owners[1:], len(texts)], strict=True):
        start, end = spans[first]
        if last in spans:
            end = min(end, spans[last][0])  # some first words' ends come out wrong
        words += _share(texts[first:last], start, end)
    return tuple(words)


def _spoken_spans(marks: list[Mark], duration: float) -> list[tuple[int, float, float]]:
    """(text position, start, end) of each word event, without the pauses around its phonemes."""
    starts = [k for k, mark in enumerate(marks) if not mark.phoneme]
    spans = []
    for this, following in zip(starts, [*starts[1:], len(marks)], strict=True):
        phonemes = marks[this + 1 : following]
        start = marks[this].at
        end = marks[following].at if following < len(marks) else duration
        spoken = [k for k, mark in enumerate(phonemes) if not mark.is_pause]
        if spoken:
            if spoken[0] > 0:
                start = phonemes[spoken[0]].at
            end = min([end, *(mark.at for mark in phonemes[spoken[0] :] if mark.is_pause)])
        spans.append((marks[this].position, start, end))
    return spans


def _share(texts: list[str], start: float, end: float) -> list[SpokenWord]:
    letters = sum(len(text) for text in texts)
    words, at = [], start
    for text in texts:
        until = at + (end - start) * len(text) / letters
        words.append(SpokenWord(text, at, until, exact=len(texts) == 1))
        at = until
    return words
