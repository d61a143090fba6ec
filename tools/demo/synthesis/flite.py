"""flite through its C library: audio and segment times of one utterance."""

import ctypes
from ctypes import POINTER, RTLD_GLOBAL, c_char_p, c_float, c_int, c_short, c_void_p

import numpy as np

from .speech import Speech, SpokenWord, resample, without_overlaps

LIBRARY = "libflite.so.1"
_LANGUAGE_LIBRARIES = ("libflite_usenglish.so.1", "libflite_cmulex.so.1")
_WORD_OF_SEGMENT = b"R:SylStructure.parent.parent.name"


class _Wave(ctypes.Structure):
    """cst_wave."""

    _fields_ = [
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    ]


def _load_library() -> ctypes.CDLL:
    flite = ctypes.CDLL(LIBRARY, mode=RTLD_GLOBAL)
    for name in _LANGUAGE_LIBRARIES:
        ctypes.CDLL(name, mode=RTLD_GLOBAL)
    signatures = {
        "flite_init": (c_int, []),
        "flite_synth_text": (c_void_p, [c_char_p, c_void_p]),
        "utt_wave": (POINTER(_Wave), [c_void_p]),
        "utt_relation": (c_void_p, [c_void_p, c_char_p]),
        "relation_head": (c_void_p, [c_void_p]),
        "item_next": (c_void_p, [c_void_p]),
        "flite_ffeature_string": (c_char_p, [c_void_p, c_char_p]),
        "flite_ffeature_float": (c_float, [c_void_p, c_char_p]),
        "flite_feat_set_float": (None, [c_void_p, c_char_p, c_float]),
        "delete_utterance": (None, [c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(flite, name)
        function.restype, function.argtypes = result, arguments
    flite.flite_init()
    return flite


class Flite:
    """One flite voice."""

    def __init__(self, voice: str) -> None:
        self._flite = _load_library()
        register = getattr(
            ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1", mode=RTLD_GLOBAL), f"register_cmu_us_{voice}"
        )
        register.restype, register.argtypes = c_void_p, [c_char_p]
        self._voice = register(None)
        self._features = ctypes.cast(self._voice, POINTER(c_void_p))[1]  # cst_voice: name, features, ...

    def speak(self, text: str, *, stretch: float = 1.0, pitch: float = 1.0) -> Speech:
        """`stretch` multiplies durations, `pitch` the fundamental frequency."""
        flite = self._flite
        flite.flite_feat_set_float(self._features, b"duration_stretch", stretch)
        flite.flite_feat_set_float(self._features, b"f0_shift", pitch)
        utterance = flite.flite_synth_text(text.encode(), self._voice)
        wave = flite.utt_wave(utterance).contents
        audio = resample(np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy(), wave.sample_rate)
        words = self._words(utterance, text.split())
        flite.delete_utterance(utterance)
        return Speech(audio, words)

    def _words(self, utterance: int, texts: list[str]) -> tuple[SpokenWord, ...]:
        """Spans of consecutive segments of one word; empty if they do not match `texts` one to one."""
        flite = self._flite
        spans: list[tuple[float, float]] = []
        previous, start = None, 0.0
        segment = flite.relation_head(flite.utt_relation(utterance, b"Segment"))
        while segment:
            end = flite.flite_ffeature_float(segment, b"end")
            word = flite.flite_ffeature_string(segment, _WORD_OF_SEGMENT)
            if flite.flite_ffeature_string(segment, b"name") == b"pau" or word in (b"0", b""):
                previous = None
            elif word == previous:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
                previous = word
            start = end
            segment = flite.item_next(segment)
        if len(spans) != len(texts):
            return ()
        return without_overlaps([SpokenWord(t, *span) for t, span in zip(texts, spans, strict=True)])
