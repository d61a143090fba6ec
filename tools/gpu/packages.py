"""Which packages travel to a machine that has torch, and in which locked versions."""

import re
from collections.abc import Iterable

PACKAGES = (
    *("ctranslate2", "faster-whisper", "whisperx", "nltk", "defusedxml"),
    *("pyannote-audio", "pyannote-core", "pyannote-database", "pyannote-metrics", "pyannote-pipeline"),
    *("asteroid-filterbanks", "omegaconf", "julius", "torch-audiomentations", "torch-pitch-shift", "primepy"),
    *("optuna", "colorlog", "opentelemetry-api", "opentelemetry-sdk", "opentelemetry-proto"),
    *("opentelemetry-semantic-conventions", "opentelemetry-exporter-otlp"),
    *("opentelemetry-exporter-otlp-common", "opentelemetry-exporter-otlp-proto-common"),
    *("opentelemetry-exporter-otlp-proto-grpc", "opentelemetry-exporter-otlp-proto-http"),
    *("opentelemetry-exporter-http-transport", "googleapis-common-protos"),
    *("fastapi", "starlette", "uvicorn", "python-multipart", "pydantic", "pydantic-core"),
    *("pydantic-settings", "annotated-types", "typing-inspection", "python-dotenv"),
    *("prometheus-client", "rich", "markdown-it-py", "mdurl", "soundfile", "cffi"),
    *("requests", "urllib3", "charset-normalizer", "idna", "certifi"),
    *("opencc", "rapidfuzz", "webvtt-py"),
)
"""By their names in the locks."""
ON_THE_MACHINE = frozenset(
    {"torch", "torchaudio", "transformers", "numpy", "scipy", "sklearn", "huggingface_hub", "httpx", "yaml"}
    | {"pytest", "hypothesis", "typing_extensions", "psutil", "tokenizers"}
)
"""What the machine brings, by the names under which it is imported."""
IMPORTED_AS = {
    "faster_whisper": "faster-whisper",
    "pyannote": "pyannote-audio",
    "dotenv": "python-dotenv",
    "webvtt": "webvtt-py",
    "imageio_ffmpeg": "imageio-ffmpeg",
}
"""Names of packages where they are not those of their modules with hyphens."""
FFMPEG = (
    "imageio-ffmpeg==0.6.0 --hash=sha256:c7e46fcec401dd990405049d2e2f475e2b397779df2519b544b8aab515195282"
)
"""Later ones are twice as large."""


def requirements(locked: str, names: Iterable[str] = PACKAGES) -> str:
    """Return what pip is told: the version and hashes of each package in `locked`, and ffmpeg.

    Raises:
        LookupError: a package is not locked.
    """
    return "\n".join([*(_block(locked, name) for name in names), FFMPEG]) + "\n"


def _block(locked: str, name: str) -> str:
    """Return version and hashes of `name`, without its marker."""
    found = re.search(
        rf"^{re.escape(name)}==([^\s;]+)[^\\]*\\\n((?:    --hash=\S+(?: \\)?\n)+)", locked, re.MULTILINE
    )
    if found is None:
        raise LookupError(f"{name} is locked nowhere")
    return f"{name}=={found[1]} \\\n{found[2]}"
