"""The voices that speak: which synthesiser, which of its voices, which language."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """`engine` is flite, festival or espeak; `name` is the engine's own name of the voice."""

    engine: str
    name: str
    language: str

    @property
    def label(self) -> str:
        """Identity across the whole bundle, also used as a file name."""
        return f"{self.engine}-{self.name}"


ENGLISH = (
    Voice("flite", "slt", "en"),
    Voice("flite", "rms", "en"),
    Voice("flite", "awb", "en"),
    Voice("flite", "kal16", "en"),
    Voice("festival", "ked_diphone", "en"),
    Voice("espeak", "en-us+m3", "en"),
    Voice("espeak", "en-us+f2", "en"),
    Voice("espeak", "en+m7", "en"),
    Voice("espeak", "en-us+Alicia", "en"),
    Voice("espeak", "en-gb-scotland+m1", "en"),
)
GERMAN = (
    Voice("espeak", "de+m3", "de"),
    Voice("espeak", "de+f2", "de"),
    Voice("espeak", "de+m7", "de"),
    Voice("espeak", "de+f4", "de"),
    Voice("espeak", "de+Alicia", "de"),
    Voice("espeak", "de+m1", "de"),
)
SPOKEN = ENGLISH + GERMAN

# Voices that only teach the speaker embedding how voices differ; each sixth is kept for measuring.
_NAMES = (
    "Alex Andrea Andy Annie AnxiousAndy Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario "
    "Michael Mike Nguyen RicishayMax RicishayMax2 RicishayMax3 Storm adam anika announcer antonio "
    "aunty belinda benjamin boris caleb david ed edward edward2 f1 f3 f5 grandma grandpa gustave iven "
    "iven2 iven3 iven4 john kaukovalta linda m2 m4 m5 m6 m8 marcelo max michel miguel norbert pablo "
    "paul pedro quincy rob robert sandro shelby steph steph2 steph3 travis victor zac"
)
_VARIANTS = _NAMES.split()
VARIETY = tuple(Voice("espeak", f"en-us+{variant}", "en") for k, variant in enumerate(_VARIANTS) if k % 6)
UNSEEN = tuple(Voice("espeak", f"en-us+{variant}", "en") for variant in _VARIANTS[::6])
