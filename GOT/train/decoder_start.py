"""How a new decoder starts so that it looks at the picture within hundreds of steps instead of tens of thousands.

A decoder with random weights first learns which words are frequent, and may stay there for very long: attention pays
only when what it brings is understood, and the other way round. Here both are there from the first step: attention
nearly copies, from where it sees its own like, and words of one letter are the codes that stage 1 taught image tokens.

Source: Trockman and Kolter, "Mimetic Initialization of Self-Attention Layers" (arXiv 2305.09828).
"""

from __future__ import annotations

import torch
from torch import Tensor

from GOT.data.glyph_map import FIRST, OTHER
from GOT.data.tokenizer import GOTTokenizer
from GOT.model.glyph_codes import GlyphCodes
from GOT.model.got import GOTQwenForCausalLM

LIKENESS = 0.7  # queries and keys: orthogonal maps of this gain
COPYING = 0.7  # values, and the same of their way back
NOISE = 0.01  # on queries and keys, so that they may part


@torch.no_grad()
def start_looking(model: GOTQwenForCausalLM, tokenizer: GOTTokenizer, *, seed: int = 0) -> None:
    """Set attention and the embedding of a decoder that has learned nothing, in place.

    Args:
        model: Its embedding is that of ``tokenizer``.
        tokenizer: Says which words are one printable ASCII letter.
        seed: Of the random maps.

    Raises:
        ValueError: If the words that it writes are not those that it reads (``tie_word_embeddings``).
    """
    if not model.config.tie_word_embeddings:
        raise ValueError("--start_looking takes an architecture with tie_word_embeddings: true.")
    generator = torch.Generator().manual_seed(seed)
    for layer in model.model.layers:
        attention = layer.self_attn
        queries, keys = attention.q_proj.weight, attention.k_proj.weight
        values, back = attention.v_proj.weight, attention.o_proj.weight
        shared = _orthogonal(keys.shape[0], keys.shape[1], generator)
        group = attention.num_key_value_groups
        keys.copy_(LIKENESS * shared + NOISE * torch.randn(keys.shape, generator=generator))
        queries.copy_(
            LIKENESS * _repeat(shared, group, attention.head_dim)
            + NOISE * torch.randn(queries.shape, generator=generator)
        )
        shared = _orthogonal(values.shape[0], values.shape[1], generator)
        values.copy_(COPYING * shared)
        back.copy_(COPYING / group * _repeat(shared, group, attention.head_dim).T)
    codes = GlyphCodes(model.config.hidden_size).letters
    embedding = model.model.embed_tokens.weight
    for glyph in range(1, OTHER):
        (word,) = tokenizer.encode(chr(FIRST + glyph - 1))
        embedding[word] = model.config.initializer_range * codes[glyph]


def _orthogonal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    side, _ = torch.linalg.qr(torch.randn(columns, columns, generator=generator))
    return side[:rows]


def _repeat(heads: Tensor, group: int, head_dim: int) -> Tensor:
    """The same map for each of the query heads that share a key-value head."""
    return heads.unflatten(0, (-1, head_dim)).repeat_interleave(group, dim=0).flatten(0, 1)
