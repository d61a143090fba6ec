"""The speech libraries, imported in one place: telemetry off first, their start-up noise kept out of the log.

pyannote.audio warns at import that torchcodec cannot decode files; we hand it samples, so it never has to.
pyannote.audio also reports usage to its makers unless told not to before it is imported.
"""

import logging
import os
import warnings

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import faster_whisper.tokenizer as whisper_tokenizer
    import faster_whisper.transcribe as whisper_transcribe
    import faster_whisper.vad as whisper_vad
    import pyannote.audio as pyannote_audio
    import pyannote.audio.models.embedding.wespeaker as pyannote_wespeaker
    import pyannote.audio.models.embedding.xvector as pyannote_xvector
    import pyannote.audio.pipelines.clustering as pyannote_clustering
    import pyannote.audio.pipelines.speaker_diarization as pyannote_diarization
    import pyannote.audio.pipelines.speaker_verification as pyannote_verification
    import pyannote.audio.utils.vbx as pyannote_vbx
    import pyannote.core as pyannote_core
    import whisperx.asr as whisperx_asr
    import whisperx.vads as whisperx_vads
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, enable_progress_bars
    from transformers.utils import logging as transformers_logging

# Harmless in what we ask of these libraries, and repeated for every recording.
warnings.filterwarnings("ignore", module=r"(pyannote|lightning|torchaudio|pytorch_lightning)\.")
for noisy in ("lightning", "lightning.pytorch", "pytorch_lightning", "whisperx", "faster_whisper"):
    logging.getLogger(noisy).setLevel(logging.ERROR)


def draw_no_bars_of_loading() -> None:
    """Keep transformers 5 from drawing a bar for each load; whether downloads draw one is left as it is."""
    shown = not are_progress_bars_disabled()
    transformers_logging.disable_progress_bar()
    if shown:
        enable_progress_bars()


draw_no_bars_of_loading()

__all__ = [
    "pyannote_audio",
    "pyannote_clustering",
    "pyannote_core",
    "pyannote_diarization",
    "pyannote_vbx",
    "pyannote_verification",
    "pyannote_wespeaker",
    "pyannote_xvector",
    "whisper_tokenizer",
    "whisper_transcribe",
    "whisper_vad",
    "whisperx_asr",
    "whisperx_vads",
]
