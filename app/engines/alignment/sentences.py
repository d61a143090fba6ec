"""Sentence splitting with nothing downloaded: nltk's Punkt rules and a few abbreviations of our own.

whisperX uses the same Punkt rules with parameters learned from newspapers, which it downloads. The two agree
wherever no abbreviation outside our list, no learned collocation and no learned sentence starter decides.
Punkt knows the stops of Latin script alone, and only before a blank; sentences end at those of other scripts
too, which mean nothing but a stop and in Chinese and Japanese have no blank behind them.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

ABBREVIATIONS: Mapping[str, str] = MappingProxyType(
    {
        "en": "mr mrs ms dr prof st vs jr sr gen col sgt rev hon inc ltd co corp dept approx e.g i.e u.s",
        "de": "z.b d.h u.a o.ä bzw usw evtl ggf ca nr str dr prof hr fr st vgl inkl zzgl sog u.u i.d.r bspw",
        "fr": "m mm mme mmes mlle dr pr st ste p.ex c.-à-d env av bd",
        "es": "sr sra srta dr dra ud uds vd prof ing lic d p.ej aprox",
        "it": "sig sigg sig.ra dott prof ing avv arch ecc p.es ca",
        "pt": "sr sra dr dra prof eng p.ex aprox av",
        "nl": "dhr mevr mr dr prof ir ing drs bijv d.w.z o.a enz ca",
    }
)
"""Abbreviations per language, written without their last period."""

_CLOSING = (
    r"[\"'\u2019\u201d\u00bb\u203a)\]}"
    r"\u3009\u300b\u300d\u300f\u3011\u3015\u3017\uff02\uff07\uff09\uff3d\uff5d\uff63]*"
)
"""Quotes and brackets that close; they stay with the stop before them."""
_EAST_ASIAN = r"[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
_STOPS = "。｡！？؟۔।॥։።፧፨။។៕᠃᠉"
"""Chinese and Japanese, Arabic, Urdu, Indian, Armenian, Ethiopic, Burmese, Khmer and Mongolian."""
_SENTENCE_END = re.compile(
    rf"[{_STOPS}][{_STOPS}.!?…]*{_CLOSING}"
    rf"|(?<!\d)．+(?!\d){_CLOSING}"
    rf"|(?<={_EAST_ASIAN})[.!?]+{_CLOSING}(?={_EAST_ASIAN})"
)
_GREEK_QUESTION = re.compile(r"[;\u037e]+" + _CLOSING + r"(?=\s)")


class SentenceSplitter:
    """Splits text of one language."""

    def __init__(self, language: str) -> None:
        parameters = PunktParameters()
        parameters.abbrev_types = set(ABBREVIATIONS.get(language, ABBREVIATIONS["en"]).split())
        self._punkt = PunktSentenceTokenizer(parameters)
        self._ends = (_SENTENCE_END, _GREEK_QUESTION) if language == "el" else (_SENTENCE_END,)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the sentences of `text` as (start, end) character positions."""
        further = {found.end() for ends in self._ends for found in ends.finditer(text)}
        spans: list[tuple[int, int]] = []
        for start, end in self._punkt.span_tokenize(text):
            inside = sorted(stop for stop in further if start < stop < end)
            spans += [_stripped(text, *span) for span in pairwise([start, *inside, end])]
        return [(start, end) for start, end in spans if start < end]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span from `start` to `end` without the white space at its edges."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
