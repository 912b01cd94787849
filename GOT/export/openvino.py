"""A checkpoint to one folder of OpenVINO graphs, config and tokenizer: all that the ``openvino`` backend needs."""

from __future__ import annotations

import shutil
from pathlib import Path

from GOT.inference.backends.openvino_export import RECORD, find_or_export
from GOT.utils import io

COPIED = ("config.json", "*.tiktoken", "tokenizer*.json", "special_tokens_map.json")


def export(
    checkpoint: Path,
    out_dir: Path | None,
    *,
    precision: str = "auto",
    cache_dir: Path | None = None,
    allow_lossy: bool = False,
) -> Path:
    """Export, through the cache, and copy the result where it is wanted.

    Args:
        checkpoint: The checkpoint's folder.
        out_dir: A folder that ``--model-name`` takes, with no weights beside the graphs; None: the cache is enough.
        precision: See ``openvino_export.find_or_export``, as the other arguments and the errors.

    Returns:
        Where the graphs are.

    Raises:
        ValueError: Before any work, if ``out_dir`` holds anything but an earlier export.
    """
    if out_dir is not None:
        io.check_vacant(out_dir, replaces=RECORD)
        if out_dir.resolve() == checkpoint.resolve():
            raise ValueError(f"-o {out_dir} is the checkpoint itself; give a new folder.")
    made = find_or_export(checkpoint, precision=precision, cache_dir=cache_dir, allow_lossy=allow_lossy)
    if out_dir is None:
        return made
    with io.atomic_folder(out_dir) as place:
        shutil.copytree(made, place, dirs_exist_ok=True)
        for path in sorted(path for pattern in COPIED for path in checkpoint.glob(pattern)):
            shutil.copy(path, place / path.name)
    return out_dir
