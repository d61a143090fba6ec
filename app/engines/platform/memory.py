"""Giving back freed memory that is kept for later: torch keeps the GPU's, the allocator the machine's."""

import gc
import sys

from app.engines.platform.allocator import return_freed_memory
from app.engines.platform.gpu import gpu_memory

_SCARCE = 0.8
"""Part of a card in use from which on what is kept for later is missed by others."""


def release_memory() -> None:
    """Give back all that loads and unloaded engines left behind."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return_freed_memory()


def release_after_stage() -> None:
    """Give back what a stage freed; the GPU's only where it is nearly full: the next stage needs it."""
    return_freed_memory()
    memory = gpu_memory()
    if memory is not None and memory[0] > _SCARCE * memory[1]:
        sys.modules["torch"].cuda.empty_cache()
