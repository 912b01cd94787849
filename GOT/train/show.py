"""What a run would do, made visible: a sample with its supervised tokens coloured, parameter groups, memory."""

from __future__ import annotations

import os
import sys
from typing import Any

from torch import nn

from GOT.data.dataset import BadSample, ConversationDataset, TrainingSample
from GOT.data.processor import GOTProcessor
from GOT.train.arguments import RunArguments
from GOT.train.optimizer import Rates, build_groups
from GOT.utils.constants import IGNORE_INDEX
from GOT.utils.log import get_logger

logger = get_logger(__name__)

GREEN, GRAY, RESET = "\033[32m", "\033[90m", "\033[0m"
GIB = 1024**3


def show_sample(dataset: ConversationDataset, processor: GOTProcessor, index: int = 0) -> None:
    """Log one sample: learned tokens green, the rest grey, placeholders counted."""
    for entry in dataset[index]:
        if isinstance(entry, BadSample):
            logger.warning("sample %d of %d is bad: %s", index, len(dataset), entry.reason)
        else:
            logger.info("sample %d of %d:\n%s", index, len(dataset), describe_sample(entry, processor))


def describe_sample(sample: TrainingSample, processor: GOTProcessor, *, color: bool | None = None) -> str:
    """A sample as text; learned tokens are green (or in «guillemets» where there is no colour)."""
    color = (sys.stderr.isatty() and "NO_COLOR" not in os.environ) if color is None else color
    ids, labels = sample.input_ids.tolist(), sample.labels.tolist()
    learned = sum(label != IGNORE_INDEX for label in labels)
    image = processor.tokenizer.special.image
    parts: list[str] = []
    start = 0
    while start < len(ids):
        end = start + 1
        same = (ids[start] == image, labels[start] == IGNORE_INDEX)
        while end < len(ids) and (ids[end] == image, labels[end] == IGNORE_INDEX) == same:
            end += 1
        text = processor.tokenizer.decode(ids[start:end], skip_special_tokens=False)
        shown = f"<imgpad>×{end - start}" if same[0] else text
        if same[1]:
            parts.append(f"{GRAY}{shown}{RESET}" if color else shown)
        else:
            parts.append(f"{GREEN}{shown}{RESET}" if color else f"«{shown}»")
        start = end
    views = "x".join(str(side) for side in sample.pixel_values.shape)
    return f"{len(ids)} tokens, {learned} learned, pixel_values {views}\n{''.join(parts)}"


def show_groups(model: nn.Module, rates: Rates) -> None:
    """Log the optimizer's groups and what stays frozen."""
    lines = [f"  {'group':28} {'tensors':>8} {'weights':>14} {'rate':>9} {'decay':>7}"]
    for group in build_groups(model, rates):
        weights = sum(parameter.numel() for parameter in group["params"])
        name, count, decay = group["name"], len(group["params"]), group["weight_decay"]
        lines.append(f"  {name:28} {count:8} {weights:14,} {group['lr']:9.2g} {decay:7.2g}")
    frozen = [parameter.numel() for parameter in model.parameters() if not parameter.requires_grad]
    lines.append(f"  {'frozen':28} {len(frozen):8} {sum(frozen):14,}")
    logger.info("parameter groups:\n%s", "\n".join(lines))


def show_memory(model: Any, arguments: RunArguments) -> None:
    """Log what weights, gradients and optimizer need on each rank; activations come on top."""
    logger.info("memory a rank, without activations: %.2f GiB (%s)", *estimate_memory(model, arguments))


def estimate_memory(model: nn.Module, arguments: RunArguments) -> tuple[float, str]:
    """GiB of weights, gradients and AdamW's state on one rank, and how it was counted."""
    training = arguments.training
    weights = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    half = training.bf16 or training.fp16
    ranks, zero = max(1, training.world_size), _zero_stage(training)
    if zero == 0:  # float32 weights and gradients, autocast copies come and go
        return (4 * weights + 12 * trained) / GIB, "float32 weights, gradients, two moments"
    width = 2 if half else 4
    share = ranks if zero >= 3 else 1
    states = (12 if half else 8) * trained / ranks
    total = width * weights / share + width * trained / (ranks if zero >= 2 else 1) + states
    return total / GIB, f"ZeRO-{zero} over {ranks} ranks, {'16' if half else '32'}-bit weights"


def _zero_stage(training: Any) -> int:
    if not training.deepspeed:
        return 0
    config = training.hf_deepspeed_config.config if getattr(training, "hf_deepspeed_config", None) else {}
    return int(config.get("zero_optimization", {}).get("stage", 0))
