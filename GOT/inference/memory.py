"""How many pages memory holds side by side, and how an error says that it held too few.

Knows nothing of how pages are read; the engine asks before it takes one more.
"""

from __future__ import annotations

import torch

from GOT.inference.backends import Backend
from GOT.model.config import GOTConfig

MOST_SLOTS = {"cpu": 16, "cuda": 64}
CACHE_SHARE = 0.4  # of a card's free memory
CPU_CACHE_BYTES = 1.5 * 1024**3
USUAL_TOKENS = {"cpu": 1024, "cuda": 4096}  # of a slot; on a CPU longer pages leave room for fewer others

# A CPU's allocator raises a plain RuntimeError, "DefaultCPUAllocator: can't allocate memory"; so do other engines.
_SIGNS = ("can't allocate memory", "out of memory", "bad_alloc", "bad allocation")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the machine or of a card."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def default_slots(backend: Backend) -> int:
    """Pages decoded side by side: as many as the memory for their keys and values allows."""
    kind = _kind(backend)
    return max(1, min(MOST_SLOTS[kind], cached_tokens(backend) // USUAL_TOKENS[kind]))


def cached_tokens(backend: Backend) -> int:
    """Tokens, of all pages together, whose keys and values the memory for them holds."""
    if _kind(backend) == "cuda":
        free, _ = torch.cuda.mem_get_info(backend.device)  # type: ignore[attr-defined]
        return int(CACHE_SHARE * free / token_bytes(backend.config, number_bytes=2))
    return int(CPU_CACHE_BYTES / token_bytes(backend.config, number_bytes=4))


def token_bytes(config: GOTConfig, *, number_bytes: int) -> int:
    """Bytes of a token's keys and values in all layers."""
    heads = config.num_key_value_heads or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * head_size * number_bytes)


def _kind(backend: Backend) -> str:
    return "cuda" if getattr(backend, "device", torch.device("cpu")).type == "cuda" else "cpu"
