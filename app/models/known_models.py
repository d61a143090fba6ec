"""Which models the public hubs hold under which names: facts about other projects, as plain tables."""

from collections.abc import Mapping
from types import MappingProxyType

DEFAULT_MODEL = "large-v3"
DEFAULT_DIARIZER = "pyannote/speaker-diarization-community-1"

WHISPER_REPOSITORIES: Mapping[str, str] = MappingProxyType(
    {
        "tiny": "Systran/faster-whisper-tiny",
        "tiny.en": "Systran/faster-whisper-tiny.en",
        "base": "Systran/faster-whisper-base",
        "base.en": "Systran/faster-whisper-base.en",
        "small": "Systran/faster-whisper-small",
        "small.en": "Systran/faster-whisper-small.en",
        "medium": "Systran/faster-whisper-medium",
        "medium.en": "Systran/faster-whisper-medium.en",
        "large-v1": "Systran/faster-whisper-large-v1",
        "large-v2": "Systran/faster-whisper-large-v2",
        "large-v3": "Systran/faster-whisper-large-v3",
        "large": "Systran/faster-whisper-large-v3",
        "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        "distil-small.en": "Systran/faster-distil-whisper-small.en",
        "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
        "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
        "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
        "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    }
)
"""Names that faster-whisper knows, and the hub repositories behind them."""

OPENAI_NAMES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
)
"""What OpenAI calls its own models: here all of them mean the default one."""

SHORT_NAMES: Mapping[str, str] = MappingProxyType({"large": "large-v3", "turbo": "large-v3-turbo"})
"""Names of WHISPER_REPOSITORIES that mean another one of them."""

ALIGNER_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "en": "WAV2VEC2_ASR_BASE_960H",
        "fr": "VOXPOPULI_ASR_BASE_10K_FR",
        "de": "VOXPOPULI_ASR_BASE_10K_DE",
        "es": "VOXPOPULI_ASR_BASE_10K_ES",
        "it": "VOXPOPULI_ASR_BASE_10K_IT",
        "ja": "jonatasgrosman/wav2vec2-large-xlsr-53-japanese",
        "zh": "jonatasgrosman/wav2vec2-large-xlsr-53-chinese-zh-cn",
        "nl": "jonatasgrosman/wav2vec2-large-xlsr-53-dutch",
        "uk": "Yehor/wav2vec2-xls-r-300m-uk-with-small-lm",
        "pt": "jonatasgrosman/wav2vec2-large-xlsr-53-portuguese",
        "ar": "jonatasgrosman/wav2vec2-large-xlsr-53-arabic",
        "cs": "comodoro/wav2vec2-xls-r-300m-cs-250",
        "ru": "jonatasgrosman/wav2vec2-large-xlsr-53-russian",
        "pl": "jonatasgrosman/wav2vec2-large-xlsr-53-polish",
        "hu": "jonatasgrosman/wav2vec2-large-xlsr-53-hungarian",
        "fi": "jonatasgrosman/wav2vec2-large-xlsr-53-finnish",
        "fa": "jonatasgrosman/wav2vec2-large-xlsr-53-persian",
        "el": "jonatasgrosman/wav2vec2-large-xlsr-53-greek",
        "tr": "mpoyraz/wav2vec2-xls-r-300m-cv7-turkish",
        "da": "saattrupdan/wav2vec2-xls-r-300m-ftspeech",
        "he": "imvladikon/wav2vec2-xls-r-300m-hebrew",
        "vi": "nguyenvulebinh/wav2vec2-base-vi-vlsp2020",
        "ko": "kresnik/wav2vec2-large-xlsr-korean",
        "ur": "kingabzpro/wav2vec2-large-xls-r-300m-Urdu",
        "te": "anuragshas/wav2vec2-large-xlsr-53-telugu",
        "hi": "theainerd/Wav2Vec2-large-xlsr-hindi",
        "ca": "softcatala/wav2vec2-large-xlsr-catala",
        "ml": "gvs/wav2vec2-large-xlsr-malayalam",
        "no": "NbAiLab/nb-wav2vec2-1b-bokmaal-v2",
        "nn": "NbAiLab/nb-wav2vec2-1b-nynorsk",
        "sk": "comodoro/wav2vec2-xls-r-300m-sk-cv8",
        "sl": "anton-l/wav2vec2-large-xlsr-53-slovenian",
        "hr": "classla/wav2vec2-xls-r-parlaspeech-hr",
        "ro": "gigant/romanian-wav2vec2",
        "eu": "stefan-it/wav2vec2-large-xlsr-53-basque",
        "gl": "ifrz/wav2vec2-large-xlsr-galician",
        "ka": "xsway/wav2vec2-large-xlsr-georgian",
        "lv": "jimregan/wav2vec2-large-xlsr-latvian-cv",
        "tl": "Khalsuu/filipino-wav2vec2-l-xls-r-300m-official",
        "sv": "KBLab/wav2vec2-large-voxrex-swedish",
        "id": "cahya/wav2vec2-large-xlsr-indonesian",
    }
)
"""whisperX's aligner of each language: a hub repository, or (without a slash) a torchaudio pipeline."""
