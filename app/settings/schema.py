"""Everything an operator can set, read once from the environment (and a .env file) into one frozen value."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.errors import InvalidSettings, reason_of
from app.models.known_models import DEFAULT_DIARIZER, DEFAULT_MODEL
from app.settings.field_types import (
    Auto,
    Choice,
    CommaList,
    HubAddress,
    Keys,
    Origins,
    Period,
    Proxies,
    Timeout,
)
from app.settings.misspelling import misspelt_lines, misspelt_variables

ENV_FILE = ".env"
ENCODING = "utf-8-sig"
"""UTF-8, with or without the mark that some editors put before it."""
_SECRETS = ("api_key", "hf_token", "hf_endpoint")
"""Settings whose values are never repeated."""
OLD_NAMES = ("diarize_beside_transcription",)
"""Names that settings had before; they mean the same as ever."""


class Settings(BaseSettings):
    """The operator's choices; an empty or blank variable counts as unset."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding=ENCODING,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # An error must not show what was written: it may be a key.
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=False,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        stripped = {
            name: value.strip() if isinstance(value, str) else value for name, value in values.items()
        }
        return {name: value for name, value in stripped.items() if value != "" or name == "api_key"}

    host: str = "0.0.0.0"
    """Address to listen on."""
    port: int = Field(9000, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""

    device: Annotated[Literal["auto", "cuda", "cpu"], Choice] = "auto"
    """Where models run; auto takes the GPU when one is usable."""
    compute_type: Annotated[str, Choice] | None = None
    """Number format of Whisper, such as float16, int8_float16, int8; unset: float16 on GPU, int8 on CPU."""
    batch_size: Annotated[int | None, Auto] = Field(None, ge=1, le=256)
    """Whisper chunks decoded together; unset or auto: 16 or what free GPU memory holds, 2 on a CPU."""
    cpu_threads: int = Field(0, ge=0, le=512)
    """Threads for CPU inference; 0 takes every core."""

    preload_model: str = DEFAULT_MODEL
    """Whisper model loaded at start; none: load nothing at start."""
    default_model: str | None = None
    """Whisper model used when a request names none; unset: PRELOAD_MODEL, or large-v3 where that is none."""
    allowed_models: CommaList = ()
    """Whisper models that requests may name, comma-separated; unset: all that are known."""
    allowed_languages: CommaList = ()
    """Languages that requests may name and that are detected, comma-separated; unset: all of Whisper's."""
    preload_language: str = "en"
    """Language whose aligner is loaded at start; none: load it at need."""
    preload_diarization: bool = True
    """Whether the diarization pipeline is loaded at start."""
    extra_models: CommaList = ()
    """More models as name=source, comma-separated; source is a directory (/ or ./ first) or a repository."""
    align_models: CommaList = ()
    """Aligners that replace the defaults, as language=source, comma-separated."""
    diarization_model: str = DEFAULT_DIARIZER
    """Diarization pipeline: hub repository or directory (/ or ./ first)."""
    hf_token: SecretStr | None = None
    """Hugging Face token, needed only to download gated models."""
    hf_hub_offline: bool = False
    """Never contact the hub; use what is on disk."""
    hf_endpoint: HubAddress = "https://huggingface.co"
    """Address of the hub, for a mirror of one's own."""
    cache_dir: Path = Path(".cache")
    """Directory of downloaded models; /.cache in the image."""

    align_device: Annotated[Literal["auto", "cuda", "cpu"], Choice] = "auto"
    """Where aligners run; auto follows DEVICE."""
    diarize_device: Annotated[Literal["auto", "cuda", "cpu"], Choice] = "auto"
    """Where diarization runs; auto follows DEVICE."""
    align_batch_size: int = Field(8, ge=1, le=256)
    """Segments aligned together on a GPU, where batching is exact."""
    align_precision: Annotated[Literal["auto", "float32", "bfloat16", "float16"], Choice] = "auto"
    """Number format of the aligner; auto is the fastest that keeps the word times: float16 on a GPU."""
    segmentation_batch_size: int | None = Field(None, ge=1, le=1024)
    """Windows in which speech, and then speakers, are looked for together; unset: 32 on a GPU, 8 on a CPU."""
    vad_onset: float = Field(0.5, ge=0.01, le=0.99)
    """How surely somebody must speak for speech to begin, 0 to 1; a request may choose its own."""
    vad_offset: float = Field(0.35, ge=0.01, le=0.99)
    """Speech goes on while somebody speaks at least so surely; taken as VAD_ONSET where it is more."""
    vad_pad: float = Field(0.2, ge=0, le=2)
    """Seconds of sound that are heard before and after what is speech: first and last sounds are soft."""
    embedding_batch_size: int | None = Field(None, ge=1, le=1024)
    """Ten-second windows per step of the speaker embedding; unset: 32 on a GPU, 2 on a CPU."""
    diarize_precision: Annotated[Literal["auto", "float32", "bfloat16", "float16"], Choice] = "auto"
    """Number format of the speaker embedding encoder; auto is the fastest that leaves the turns unchanged."""
    diarize_clustering_threshold: float | None = Field(None, gt=0, le=2)
    """Distance under which two voices are one; unset: the pipeline's own."""
    diarize_min_duration_off: float | None = Field(None, ge=0, le=10)
    """Pauses of one speaker shorter than this many seconds are filled; unset: the pipeline's own."""
    diarize_concurrently: Annotated[Literal["auto", "on", "off"], Choice] = Field(
        "auto", validation_alias=AliasChoices("diarize_concurrently", "diarize_beside_transcription")
    )
    """Run diarization while transcription runs; auto: where they use different devices."""

    model_keep_alive_seconds: float | None = Field(None, ge=0, le=10_000_000)
    """Unload a model idle for this long; 0 keeps it; unset: an hour, but what is loaded at start stays."""
    max_loaded_models: int = Field(8, ge=0, le=100)
    """Whisper models, aligners and pipelines kept loaded, least recently used go first; 0 sets no limit."""
    vram_budget_gb: float | None = Field(None, ge=0, le=100_000)
    """GPU memory for weights, least recently used go first; 0 sets no limit; unset: 70 % of the card."""
    ram_budget_gb: float | None = Field(None, ge=0, le=100_000)
    """The same in main memory for models on the CPU; unset: half of what the machine or container has."""
    oom_cpu_fallback: bool = True
    """When a GPU stage runs out of memory at batch size 1, run it on the CPU instead of failing."""

    max_file_size_mb: float = Field(1000, gt=0, le=1_000_000)
    """Largest upload in megabytes (10^6 bytes)."""
    max_duration_minutes: float = Field(720, gt=0, le=1_000_000)
    """Longest recording in minutes, counted while decoding."""
    temp_dir: Path | None = None
    """Directory for uploads under way; unset: whisperx-asr-api in the system's temporary directory."""
    upload_stall_seconds: Timeout = 60
    """An upload that sends nothing for this long is ended."""
    upload_min_bytes_per_second: Annotated[float, Field(ge=0, le=1_000_000_000)] = 10_000
    """An upload slower than this on average, after UPLOAD_STALL_SECONDS, is ended; 0 sets no least rate."""
    upload_timeout_seconds: Timeout = 14_400
    """Longest time for sending one upload; 1 GB takes 10,000 s at 100 kB/s, as a phone sends."""
    max_uploads_per_client: int = Field(64, ge=1, le=10000)
    """Uploads that one client may send at the same time; beyond it the answer is 503."""
    decode_timeout_seconds: Timeout = 900
    """Time for decoding one upload."""

    gpu_concurrency: int = Field(1, ge=1, le=64)
    """Requests worked on at the same time."""
    share_batches: bool | None = None
    """Chunks of requests that run at the same time are decoded in one batch; unset: on a GPU."""
    max_queue_size: int = Field(100, ge=0, le=10000)
    """Requests that may wait; beyond it the answer is 503, before the upload is received."""
    queue_timeout: Timeout = 3600
    """Longest wait for a slot in seconds, then 503."""
    request_timeout: Timeout = 7200
    """Longest work on one request in seconds, then 504."""
    watchdog_seconds: Timeout = 600
    """Work that passes no checkpoint for this long counts as hung: /health turns unhealthy."""
    shutdown_delay_seconds: Period = 0
    """Time after SIGTERM in which /health says 503 and work is still taken, for a balancer in front."""
    shutdown_grace_seconds: Period = 60
    """Time that running and waiting requests get after SIGTERM."""

    api_key: Keys = ()
    """Key, or several separated by commas, that requests must carry; unset: open to everyone."""
    forwarded_allow_ips: Proxies = ("127.0.0.1",)
    """Addresses of reverse proxies whose X-Forwarded-For is believed, comma-separated; * believes all."""
    cors_origins: Origins = ()
    """Web origins that may call the service from a browser, comma-separated."""
    log_format: Annotated[Literal["text", "json"], Choice] = "text"
    """Form of the log lines."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Choice] = "info"
    """Lowest level that is logged; file names appear at debug only."""


def misspelt_names(env_file: str | Path = ENV_FILE, environment: Iterable[str] | None = None) -> list[str]:
    """Return a sentence for each name in `env_file` or the environment that is a setting misspelt."""
    settings = (*Settings.model_fields, *OLD_NAMES)
    written = tuple(dotenv_values(env_file, encoding=ENCODING, interpolate=False))
    variables = os.environ if environment is None else environment
    others = [name for name in variables if name not in written]
    return [*misspelt_lines(written, settings), *misspelt_variables(others, settings)]


def read_settings() -> Settings:
    """Return the settings of the environment and of .env.

    Raises:
        InvalidSettings: a value makes no sense, or .env cannot be read; one line for each mistake.
    """
    try:
        return Settings()
    except ValidationError as exc:
        # Not as the cause: a traceback of it would repeat the values.
        raise InvalidSettings("\n".join(_in_words(dict(error)) for error in exc.errors())) from None
    except UnicodeDecodeError as exc:
        raise InvalidSettings(".env is not UTF-8: save it as UTF-8 text") from exc
    except (OSError, SettingsError) as exc:
        raise InvalidSettings(f".env cannot be read: {reason_of(exc)}") from exc


def _in_words(error: dict[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    message = str(error["msg"]).removeprefix("Value error, ")
    value = error.get("input")
    shown = name not in _SECRETS and error["type"] != "value_error" and isinstance(value, str | int | float)
    return f"{name.upper()}={str(value)[:80]}: {message}" if shown else f"{name.upper()}: {message}"
