"""Writes the trained aligner as a transformers folder with half-precision weights."""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

from .letters import BOUNDARY, INDEX
from .model import new_aligner


def export_aligner(weights: Path, folder: Path) -> None:
    """Replaces `folder` when the new one is complete."""
    model = new_aligner()
    model.load_state_dict(torch.load(weights))
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        fresh = Path(temporary, "aligner")
        model.half().save_pretrained(fresh)
        (fresh / "model.safetensors").chmod(0o644)  # safetensors writes it for its owner alone
        config = json.loads((fresh / "config.json").read_text())
        config.pop("torch_dtype", None)
        config["dtype"] = "float32"  # half precision on disk only
        (fresh / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        vocabulary = fresh / "vocab.json"
        vocabulary.write_text(json.dumps(INDEX, ensure_ascii=False))
        special = {"unk_token": "<unk>", "pad_token": "<pad>", "word_delimiter_token": BOUNDARY}
        tokenizer = Wav2Vec2CTCTokenizer(str(vocabulary), do_lower_case=True, **special)
        extractor = Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=False)
        Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(fresh)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(fresh, folder)
