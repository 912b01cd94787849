"""Tokenizer and processor as the JSON files that transformers' AutoTokenizer and AutoProcessor read, and back.

transformers builds its prompts itself, with one more space than the published words (``\\n OCR: `` instead of
``\\nOCR: ``) and without telling text from control tokens; the ids of equal strings are equal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOKENIZER_FILE = "tokenizer.json"


def tokenizer_json(ranks: dict[bytes, int], special_tokens: dict[str, int], pattern: str) -> dict[str, Any]:
    """Qwen's ranks as a byte-level BPE model of the ``tokenizers`` library.

    Args:
        ranks: Token bytes to id.
        special_tokens: Control strings to id.
        pattern: The expression that cuts text into words.
    """
    alphabet = byte_alphabet()

    def shown(token: bytes) -> str:
        return "".join(alphabet[value] for value in token)

    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token, index in special_tokens.items()
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,  # a word that is a token is that token, as in tiktoken
            "vocab": {shown(token): rank for token, rank in ranks.items()},
            "merges": [[shown(left), shown(right)] for left, right in merges_of(ranks)],
        },
    }


def merges_of(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The pairs that may merge, first the ones that merge first.

    tiktoken merges any two neighbours whose concatenation is a token, so a token has one pair for each way to cut it
    into two tokens, not only the one it was learned from.
    """
    merges: list[tuple[bytes, bytes]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(left, right) for left, right in pairs if left in ranks and right in ranks]
        merges += sorted(known, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges


def read_tokenizer_json(path: Path) -> tuple[dict[bytes, int], list[str], str | None]:
    """Ranks, special tokens in the order of their ids, and the split expression of a ``tokenizer.json``.

    Raises:
        ValueError: If it is no byte-level BPE, or its special tokens do not follow its ranks without a gap.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model, entries = content["model"], content.get("added_tokens") or []
        if model.get("type") != "BPE":
            raise ValueError(f"model.type is {model.get('type')!r}, not BPE")
        added = {int(entry["id"]): str(entry["content"]) for entry in entries}
        to_byte = {character: value for value, character in byte_alphabet().items()}
        ranks = {
            bytes(to_byte[character] for character in token): int(index)
            for token, index in model["vocab"].items()
            if index not in added
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no byte-level BPE tokenizer ({type(error).__name__}: {error})."
        ) from error
    if sorted(added) != list(range(len(ranks), len(ranks) + len(added))):
        raise ValueError(f"The special tokens of {path} do not follow its {len(ranks)} ranks without a gap.")
    return ranks, [added[index] for index in sorted(added)], _pattern_in(content)


def tokenizer_settings(special_tokens: Sequence[str], *, end_of_text: str) -> dict[str, Any]:
    """``tokenizer_config.json`` beside it."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 8000,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "pad_token": end_of_text,
        "additional_special_tokens": [token for token in special_tokens if token != end_of_text],
    }


def image_settings(
    *, image_size: int, max_tiles: int, mean: Sequence[float], std: Sequence[float]
) -> dict[str, Any]:
    """``preprocessor_config.json``: what :class:`data.image.ImageTransform` does, in transformers' words."""
    return {
        "image_processor_type": "GotOcr2ImageProcessor",
        "processor_class": "GotOcr2Processor",
        "crop_to_patches": False,
        "min_patches": 1,
        "max_patches": max_tiles,
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": image_size, "width": image_size},
        "resample": 3,  # bicubic
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(mean),
        "image_std": list(std),
    }


def generation_settings(*, pad_id: int, stop_id: int) -> dict[str, Any]:
    """``generation_config.json``: greedy, until ``<|im_end|>``."""
    return {"do_sample": False, "pad_token_id": pad_id, "eos_token_id": stop_id, "max_new_tokens": 4096}


def _pattern_in(content: dict[str, Any]) -> str | None:
    steps = content.get("pre_tokenizer") or {}
    for step in steps.get("pretokenizers") or [steps]:
        if step.get("type") == "Split":
            return (step.get("pattern") or {}).get("Regex")
    return None


def byte_alphabet() -> dict[int, str]:
    """The printable character that stands for each byte in a ``tokenizer.json`` (GPT-2's convention)."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [value for value in range(256) if value not in printable]
    return {value: chr(value) for value in printable} | {
        value: chr(256 + i) for i, value in enumerate(others)
    }
