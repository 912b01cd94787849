"""A trained checkpoint to one that ships, in bf16: python scripts/got_tiny/ship.py RUN/2-words assets/got-tiny

What the target folder holds beside (its README.md) stays.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from GOT.data.processor import GOTProcessor
from GOT.model.checkpoint import load_model, write_model
from GOT.utils.io import atomic_folder


def main(source: str, target: str) -> None:
    """Write the checkpoint's files into ``target``, one after another, each whole."""
    model = load_model(source, dtype=torch.bfloat16)
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / "new"
    with atomic_folder(staged) as made:
        write_model(model.config, model.state_dict(), made)
        GOTProcessor.from_pretrained(source).save_pretrained(made)
    for path in staged.iterdir():
        path.replace(folder / path.name)
    staged.rmdir()
    size = (folder / "model.safetensors").stat().st_size
    print(f"{folder}: {sum(p.numel() for p in model.parameters()):,} weights, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
