"""A prompt in the manner of somebody who hesitates, after which Whisper writes hesitations down.

Whisper was trained on edited transcripts and leaves fillers and repetitions out, unless what it takes for the
text so far has them.
"""

from collections.abc import Mapping
from types import MappingProxyType

_IN_ANY_LANGUAGE = "Um, uh... hmm, mhm, er... ah, eh, oh."
_BY_LANGUAGE: Mapping[str, str] = MappingProxyType(
    {
        "de": "Ähm, also, ich, ich weiß nicht... äh, hm, ja, mhm, na ja, halt, äh.",
        "en": "Um, uh, so, I, I mean, you know... er, hmm, well, like, uh-huh, mhm.",
        "es": "Eh, este... o sea, yo, yo no sé... mmm, pues, ah, ajá, em.",
        "fr": "Euh, ben, je, je sais pas... hum, bah, hein, mh, voilà, euh.",
        "it": "Ehm, cioè, io, io non so... eh, mmm, beh, mah, uhm.",
        "nl": "Eh, uhm, ja, ik, ik weet niet... hm, nou, mhm, eh, zeg maar.",
    }
)


def verbatim_prompt(initial_prompt: str | None, language: str | None) -> str:
    """Return `initial_prompt` and behind it the manner of speaking of `language` (Whisper's code)."""
    manner = _BY_LANGUAGE.get(language or "", _IN_ANY_LANGUAGE)
    return f"{initial_prompt} {manner}" if initial_prompt else manner
