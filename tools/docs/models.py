"""What the settings of the models cost: download, memory or time."""

from app.settings.schema import Settings
from tools.docs.settings import default_in_words
from tools.docs.tables import code, table

COSTS = {
    "device": "`cuda` without a usable GPU ends the start with the reason; `auto` then takes the CPU.",
    "compute_type": "`int8_float16` halves the weights in GPU memory. "
    "A format that the device cannot compute in ends the start.",
    "batch_size": "Memory grows with it, time falls. It is lowered by itself when memory runs out.",
    "cpu_threads": "Cores that other programs lack.",
    "preload_model": "large-v3: 3.1 GB to download, the same in GPU memory as float16. "
    "`none` loads nothing at start.",
    "default_model": "Loaded at need where it is not the preloaded one.",
    "allowed_models": "Bounds what requests can make the service download and load.",
    "allowed_languages": "Each language of a request or a recording loads its aligner, 0.4 to 1.2 GB.",
    "preload_language": "0.36 GB for English, 1.2 GB for most others. `none` loads aligners at need.",
    "preload_diarization": "33 MB to download.",
    "extra_models": "Their own size. They win over built-in names.",
    "align_models": "Their own size.",
    "diarization_model": "It must hold all its parts.",
    "hf_token": "Needed only while gated models are downloaded.",
    "hf_hub_offline": "A model that is not on disk is 503 at once.",
    "hf_endpoint": "A mirror of your own.",
    "cache_dir": "10 GB are plenty for large-v3, a few aligners and diarization.",
    "align_device": "`cpu` frees GPU memory and takes longer.",
    "diarize_device": "`cpu` frees GPU memory and takes longer.",
    "align_batch_size": "Memory.",
    "segmentation_batch_size": "Memory.",
    "embedding_batch_size": "Memory.",
    "align_precision": "`float32` takes longer; `bfloat16` moves a word in 200 by more than 20 ms.",
    "diarize_precision": "`float32` takes longer; `float16` and `bfloat16` may move a turn.",
    "diarize_clustering_threshold": "Lower finds more speakers, higher fewer.",
    "diarize_min_duration_off": "Higher joins turns across longer pauses.",
    "diarize_beside_transcription": "`on` needs the memory of both stages at once.",
    "model_keep_alive_seconds": "After the pause the next request loads the model again: seconds. "
    "`0` keeps it for ever.",
    "max_loaded_models": "1 loads anew at every stage: for very small cards. "
    "A model in use is never unloaded.",
    "vram_budget_gb": "Counts the weights, estimated from the files; working memory comes on top.",
    "ram_budget_gb": "The same. One model alone may take more; what is in use is never unloaded.",
    "oom_cpu_fallback": "An answer that takes long; `false`: 503 at once.",
}


def models_table() -> str:
    """Return the README's table of every setting of the models."""
    rows = [
        (code(name.upper()), default_in_words(field), COSTS[name])
        for name, field in Settings.model_fields.items()
        if name in COSTS
    ]
    return table(("Setting", "Default", "What it costs"), rows)
