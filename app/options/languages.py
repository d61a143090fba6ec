"""The languages Whisper knows, and how people write them."""

import re
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

UNDETERMINED = "und"
"""ISO 639's code where nobody was heard to speak."""

_ISO_CODES: Mapping[str, str] = MappingProxyType(
    {
        "af": "afr", "am": "amh", "ar": "ara arb arz ary apc acm aeb afb ajp", "as": "asm",
        "az": "aze azj azb", "ba": "bak", "be": "bel", "bg": "bul", "bn": "ben", "bo": "bod tib", "br": "bre",
        "bs": "bos", "ca": "cat", "cs": "ces cze", "cy": "cym wel", "da": "dan", "de": "deu ger",
        "el": "ell gre", "en": "eng", "es": "spa", "et": "est ekk", "eu": "eus baq", "fa": "fas per pes prs",
        "fi": "fin", "fo": "fao", "fr": "fra fre", "gl": "glg", "gu": "guj", "ha": "hau", "haw": "",
        "he": "iw heb", "hi": "hin", "hr": "hrv scr", "ht": "hat", "hu": "hun", "hy": "hye arm",
        "id": "in ind", "is": "isl ice", "it": "ita", "ja": "jpn", "jw": "jv jav", "ka": "kat geo",
        "kk": "kaz", "km": "khm", "kn": "kan", "ko": "kor", "la": "lat", "lb": "ltz", "ln": "lin",
        "lo": "lao", "lt": "lit", "lv": "lav lvs", "mg": "mlg plt", "mi": "mri mao", "mk": "mkd mac",
        "ml": "mal", "mn": "mon khk", "mr": "mar", "ms": "msa may zsm", "mt": "mlt", "my": "mya bur",
        "ne": "nep npi", "nl": "nld dut", "nn": "nno", "no": "nb nor nob", "oc": "oci", "pa": "pan",
        "pl": "pol", "ps": "pus pbt pbu pst", "pt": "por", "ro": "mo ron rum mol", "ru": "rus", "sa": "san",
        "sd": "snd", "si": "sin", "sk": "slk slo", "sl": "slv", "sn": "sna", "so": "som",
        "sq": "sqi alb als", "sr": "srp scc", "su": "sun", "sv": "swe", "sw": "swa swh", "ta": "tam",
        "te": "tel", "tg": "tgk", "th": "tha", "tk": "tuk", "tl": "fil tgl", "tr": "tur", "tt": "tat",
        "uk": "ukr", "ur": "urd", "uz": "uzb uzn", "vi": "vie", "yi": "ji yid ydd", "yo": "yor", "yue": "",
        "zh": "zho chi cmn",
    }
)  # fmt: skip
"""Whisper's code -> the other codes of ISO 639: of two letters, of three (both forms) and of a language's
standard variety."""

_OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "azeri": "az", "bangla": "bn", "bokmal": "no", "bokmål": "no", "brazilian portuguese": "pt",
        "burmese": "my", "castilian": "es", "central khmer": "km", "farsi": "fa", "filipino": "tl",
        "flemish": "nl", "haitian": "ht", "letzeburgesch": "lb", "mandarin": "zh", "mandarin chinese": "zh",
        "modern greek": "el", "moldavian": "ro", "moldovan": "ro", "norwegian bokmal": "no",
        "norwegian bokmål": "no", "norwegian nynorsk": "nn", "panjabi": "pa", "pushto": "ps",
        "simplified chinese": "zh", "sinhalese": "si", "slovene": "sl", "traditional chinese": "zh",
        "valencian": "ca",
    }
)  # fmt: skip
"""Names beside the one that Whisper uses."""

LANGUAGES_WITHOUT_SPACES = frozenset({"ja", "yue", "zh"})
"""Codes of the languages in which neither words nor sentences have a blank between them."""

UNSET_WORDS = frozenset({"", "none", "null", "undefined"})
"""What programs write for a variable that holds nothing."""
UNKNOWN_LANGUAGE_WORDS = UNSET_WORDS | {"auto", "mis", "mul", "und", "unknown", "zxx"}
"""What media files, players and programs write where no language is known."""

_CODES: Mapping[str, str] = MappingProxyType(
    {code: code for code in LANGUAGES}
    | {name: code for code, name in LANGUAGES.items()}
    | {other: code for code, others in _ISO_CODES.items() for other in others.split()}
    | dict(_OTHER_NAMES)
)


def language_code(written: str) -> str | None:
    """Return Whisper's code for a language as people write it, in any case.

    That is a code of ISO 639-1, -2 or -3, an English name, or a tag or locale with script or region such as
    pt-BR, zh-Hant-TW, de_DE.UTF-8 or "English (US)". None: Whisper does not know the language.
    """
    name = _normalised(written)
    spaced = name.replace("-", " ")
    if name in _CODES or spaced in _CODES:
        return _CODES.get(name) or _CODES[spaced]
    if name.startswith("zh-yue"):  # a tag of both: Cantonese, as a kind of Chinese
        return "yue"
    primary, dash, _rest = name.partition("-")
    return _CODES.get(primary) if dash and len(primary) in (2, 3) else None


def chinese_script(written: str) -> str | None:
    """Return hans or hant where a tag or name of Chinese says which characters are wanted, else None."""
    parts = _normalised(written).replace(" ", "-").split("-")
    if "hans" in parts or "simplified" in parts:
        return "hans"
    return "hant" if "hant" in parts or "traditional" in parts else None


def is_unknown_language(written: str) -> bool:
    """Return whether `written` says that nobody knows the language: empty, auto, und, null or the like."""
    name = _normalised(written)
    return name in UNKNOWN_LANGUAGE_WORDS or name.partition("-")[0] == "und"


def _normalised(written: str) -> str:
    """Return `written` in lower case, without a locale's encoding and without what stands in brackets."""
    bare = re.sub(r"\s*\(.*\)$|[.@].*$", "", written.strip().lower())
    return " ".join(bare.replace("_", "-").split())


def language_name(code: str) -> str:
    """Return the English name in lower case of Whisper's `code` or of UNDETERMINED."""
    return "undetermined" if code == UNDETERMINED else LANGUAGES[code]
