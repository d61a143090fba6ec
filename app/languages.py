"""The languages Whisper knows, and how people write them."""

from collections.abc import Mapping
from types import MappingProxyType

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "af": "afrikaans", "am": "amharic", "ar": "arabic", "as": "assamese", "az": "azerbaijani",
        "ba": "bashkir", "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "bo": "tibetan",
        "br": "breton", "bs": "bosnian", "ca": "catalan", "cs": "czech", "cy": "welsh",
        "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
        "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fo": "faroese",
        "fr": "french", "gl": "galician", "gu": "gujarati", "ha": "hausa", "haw": "hawaiian",
        "he": "hebrew", "hi": "hindi", "hr": "croatian", "ht": "haitian creole", "hu": "hungarian",
        "hy": "armenian", "id": "indonesian", "is": "icelandic", "it": "italian", "ja": "japanese",
        "jw": "javanese", "ka": "georgian", "kk": "kazakh", "km": "khmer", "kn": "kannada",
        "ko": "korean", "la": "latin", "lb": "luxembourgish", "ln": "lingala", "lo": "lao",
        "lt": "lithuanian", "lv": "latvian", "mg": "malagasy", "mi": "maori", "mk": "macedonian",
        "ml": "malayalam", "mn": "mongolian", "mr": "marathi", "ms": "malay", "mt": "maltese",
        "my": "myanmar", "ne": "nepali", "nl": "dutch", "nn": "nynorsk", "no": "norwegian",
        "oc": "occitan", "pa": "punjabi", "pl": "polish", "ps": "pashto", "pt": "portuguese",
        "ro": "romanian", "ru": "russian", "sa": "sanskrit", "sd": "sindhi", "si": "sinhala",
        "sk": "slovak", "sl": "slovenian", "sn": "shona", "so": "somali", "sq": "albanian",
        "sr": "serbian", "su": "sundanese", "sv": "swedish", "sw": "swahili", "ta": "tamil",
        "te": "telugu", "tg": "tajik", "th": "thai", "tk": "turkmen", "tl": "tagalog",
        "tr": "turkish", "tt": "tatar", "uk": "ukrainian", "ur": "urdu", "uz": "uzbek",
        "vi": "vietnamese", "yi": "yiddish", "yo": "yoruba", "yue": "cantonese", "zh": "chinese",
    }
)  # fmt: skip
"""Whisper's code -> the English name in lower case."""

_OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "bokmal": "no", "bokmål": "no", "burmese": "my", "castilian": "es", "cmn": "zh", "farsi": "fa",
        "fil": "tl", "filipino": "tl", "flemish": "nl", "haitian": "ht", "in": "id", "iw": "he", "jv": "jw",
        "letzeburgesch": "lb", "mandarin": "zh", "moldavian": "ro", "moldovan": "ro", "nb": "no",
        "panjabi": "pa", "pushto": "ps", "sinhalese": "si", "slovene": "sl", "valencian": "ca",
    }
)  # fmt: skip
"""Other spellings, among them ISO codes where Whisper has a code of its own."""

_CODES: Mapping[str, str] = MappingProxyType(
    {code: code for code in LANGUAGES} | {name: code for code, name in LANGUAGES.items()} | dict(_OTHER_NAMES)
)


def language_code(written: str) -> str | None:
    """Return Whisper's code for a code, an English name or a regional code such as pt-BR, in any case.

    None: Whisper does not know the language.
    """
    name = " ".join(written.lower().replace("_", "-").split())
    if name in _CODES:
        return _CODES[name]
    primary, dash, _region = name.partition("-")
    return _CODES.get(primary) if dash and len(primary) in (2, 3) else None
