"""The released repository's door to its training data, for code written against it: data set and collator as a dict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from GOT.data.collator import Collator
from GOT.data.dataset import ConversationDataset, Part
from GOT.data.processor import GOTProcessor
from GOT.data.sources import find_sources, open_table
from GOT.data.tokenizer import GOTTokenizer

_REPOSITORY = Path(__file__).resolve().parent.parent.parent


def make_supervised_data_module(
    interleave: bool, with_box: bool, tokenizer: GOTTokenizer | GOTProcessor, data_args: Any
) -> dict[str, Any]:
    """Data set and collator for a ``Trainer``.

    Args:
        interleave: Accepted as published, without effect there and here.
        with_box: Likewise.
        tokenizer: Our tokenizer, or the processor where views are not of the published size.
        data_args: Anything with ``datasets`` (names joined by ``+``) and, if wanted, ``data_config`` and
            ``model_max_length``.

    Returns:
        ``train_dataset``, ``eval_dataset`` (None, as published) and ``data_collator``.
    """
    processor = tokenizer if isinstance(tokenizer, GOTProcessor) else GOTProcessor(tokenizer)
    sources = find_sources(
        data_args.datasets, data_config=getattr(data_args, "data_config", None), root=_REPOSITORY
    )
    parts = [Part(source.name, open_table(source), source.images, source.weight) for source in sources]
    dataset = ConversationDataset(parts, processor, max_length=getattr(data_args, "model_max_length", 8192))
    return {"train_dataset": dataset, "eval_dataset": None, "data_collator": Collator(processor)}
