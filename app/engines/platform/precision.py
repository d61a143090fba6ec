"""In which number format a network of torch computes."""

import torch

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def number_format(precision: str, device: str, *, on_gpu: torch.dtype) -> torch.dtype:
    """Return the format that `precision` names, or for "auto" the fastest whose results stay the same.

    "auto" is `on_gpu` on "cuda"; on "cpu" it is bfloat16 where the processor computes in it by itself, as it
    was shown to leave the turns of every test conversation and the word times as they are, else float32.
    """
    if precision != "auto":
        return FORMATS[precision]
    if torch.device(device).type == "cuda":
        return on_gpu
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else torch.float32
