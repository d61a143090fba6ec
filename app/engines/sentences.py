"""Text into sentences with nothing downloaded: nltk's Punkt rules and a few abbreviations of our own.

whisperX uses the same Punkt rules with parameters learned from newspapers, which it downloads. The two agree
wherever no abbreviation outside our list, no learned collocation and no learned sentence starter decides.
"""

from collections.abc import Mapping
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


class SentenceSplitter:
    """Splits text of one language."""

    def __init__(self, language: str) -> None:
        parameters = PunktParameters()
        parameters.abbrev_types = set(ABBREVIATIONS.get(language, ABBREVIATIONS["en"]).split())
        self._punkt = PunktSentenceTokenizer(parameters)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the sentences of `text` as (first, beyond last) character positions."""
        return list(self._punkt.span_tokenize(text))
