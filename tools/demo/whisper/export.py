"""Turns trained weights into a CTranslate2 folder, by way of transformers' format."""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from ctranslate2.converters import TransformersConverter
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from .model import FRAMES, MELS, POSITIONS, TinyWhisper
from .tokens import Vocabulary

UNREACHABLE = -30.0  # logit of tokens that were never trained
SPOKEN_LANGUAGES = ("en", "de")


def export_whisper(weights: Path, tokenizer: Path, folder: Path) -> None:
    """Writes int8 weights (the few others in float16); replaces `folder` when the new one is complete."""
    vocabulary = Vocabulary.load(tokenizer)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        hub_folder, converted = Path(temporary, "transformers"), Path(temporary, "ctranslate2")
        model = _transformers_model(torch.load(weights), vocabulary)
        model.save_pretrained(hub_folder)
        shutil.copy(tokenizer, hub_folder / "tokenizer.json")
        tokens = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
        (hub_folder / "tokenizer_config.json").write_text(
            json.dumps(
                {
                    "tokenizer_class": "PreTrainedTokenizerFast",
                    "clean_up_tokenization_spaces": False,
                    **tokens,
                }
            )
        )
        WhisperFeatureExtractor(feature_size=MELS).save_pretrained(hub_folder)
        converter = TransformersConverter(
            str(hub_folder), copy_files=["tokenizer.json", "preprocessor_config.json"]
        )
        converter.convert(str(converted), quantization="int8_float16")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(converted, folder)


def _transformers_model(
    weights: dict[str, torch.Tensor], vocabulary: Vocabulary
) -> WhisperForConditionalGeneration:
    end = vocabulary.id_of("<|endoftext|>")
    config = WhisperConfig(
        vocab_size=vocabulary.tokenizer.get_vocab_size(),
        num_mel_bins=MELS,
        d_model=TinyWhisper.WIDTH,
        encoder_layers=TinyWhisper.DEPTH,
        decoder_layers=TinyWhisper.DEPTH,
        encoder_attention_heads=TinyWhisper.HEADS,
        decoder_attention_heads=TinyWhisper.HEADS,
        encoder_ffn_dim=TinyWhisper.HIDDEN,
        decoder_ffn_dim=TinyWhisper.HIDDEN,
        max_source_positions=FRAMES,
        max_target_positions=POSITIONS,
        decoder_start_token_id=vocabulary.id_of("<|startoftranscript|>"),
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        suppress_tokens=None,  # a list here would overwrite the generation config
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config).eval()
    missing, unexpected = model.load_state_dict(_renamed(weights, vocabulary), strict=False)
    if unexpected or set(missing) != {"proj_out.weight"}:
        raise ValueError(f"weights do not fit: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    model.generation_config = _generation_config(vocabulary)
    return model


def _renamed(weights: dict[str, torch.Tensor], vocabulary: Vocabulary) -> dict[str, torch.Tensor]:
    """Weights under transformers' names, with a row for every token and the constant first component."""
    embedding = torch.zeros(vocabulary.tokenizer.get_vocab_size(), TinyWhisper.WIDTH)
    embedding[:, 0] = UNREACHABLE
    embedding[torch.tensor(vocabulary.ids)] = weights["decoder.embed_tokens.weight"]
    changed = {"decoder.embed_tokens.weight": embedding}
    for name, constant in (("weight", 0.0), ("bias", 1.0)):
        norm = weights[f"decoder.layer_norm.{name}"].clone()
        norm[0] = constant
        changed[f"decoder.layer_norm.{name}"] = norm
    kept = {name: weight for name, weight in weights.items() if not name.startswith("letters.")}
    return {f"model.{name}": weight for name, weight in (kept | changed).items()}


def _generation_config(vocabulary: Vocabulary) -> GenerationConfig:
    end = vocabulary.id_of("<|endoftext|>")
    config = GenerationConfig(
        decoder_start_token_id=vocabulary.id_of("<|startoftranscript|>"),
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        max_length=POSITIONS,
    )
    config.is_multilingual = True
    config.lang_to_id = {f"<|{name}|>": vocabulary.id_of(f"<|{name}|>") for name in SPOKEN_LANGUAGES}
    config.task_to_id = {task: vocabulary.id_of(f"<|{task}|>") for task in ("transcribe", "translate")}
    config.no_timestamps_token_id = vocabulary.id_of("<|notimestamps|>")
    config.suppress_tokens = [vocabulary.id_of("<|nospeech|>"), vocabulary.id_of("<|startofprev|>")]
    config.begin_suppress_tokens = [
        vocabulary.id_of("Ġ")
    ]  # the end token stays possible: silence is empty text
    config.alignment_heads = [[TinyWhisper.DEPTH - 1, 0], [TinyWhisper.DEPTH - 1, 1]]
    return config
