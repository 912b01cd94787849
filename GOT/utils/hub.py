"""A checkpoint's name to a folder on disk: a path as it is, a hub name through ``huggingface_hub``'s cache."""

from __future__ import annotations

import os
import re
from pathlib import Path

from GOT.utils.log import get_logger

logger = get_logger(__name__)

_HUB_NAME = re.compile(r"^[\w.-]+/[\w.-]+(@[\w./-]+)?$")
_FILES = ["*.json", "*.safetensors", "*.tiktoken", "merges.txt"]  # data only: no pickles, no remote code


BUNDLED = "got-tiny"  # the checkpoint that this repository trains and ships


def bundled_checkpoint() -> Path | None:
    """The shipped checkpoint's folder: in a checkout under ``assets/``, in an installed wheel inside the package."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "assets" / BUNDLED, package / "assets" / BUNDLED):
        if (folder / "config.json").is_file():
            return folder
    return None


def resolve_folder(name_or_path: str | Path, *, revision: str | None = None) -> Path:
    """Find or download a checkpoint.

    Args:
        name_or_path: A folder, or a hub name such as ``stepfun-ai/GOT-OCR-2.0-hf``, optionally ``name@revision``.
        revision: Branch, tag or commit on the hub; a commit pins the download.

    Raises:
        FileNotFoundError: If there is no such folder, and no such name can be had from the hub.
    """
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise FileNotFoundError(
            f"{path} is a file; --model-name wants the folder that holds config.json and the weights."
        )
    name, _, at = str(name_or_path).partition("@")
    if not _HUB_NAME.match(str(name_or_path)) or name.startswith("."):
        raise FileNotFoundError(
            f"There is no folder {path}; --model-name wants a folder, or a hub name such as owner/model."
        )
    return _download(name, revision or at or None)


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_FILES))
    except Exception as error:  # the hub's client raises many types; all mean: not to be had
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FileNotFoundError(
            f"There is no folder {name}, and the hub did not give it ({type(error).__name__}: {reason[:160]}). "
            f"Download it where there is a network and pass the folder{_offline_hint()}."
        ) from error
    if revision is None:
        logger.info("%s is at revision %s; pin it with --revision.", name, folder.name)
    return folder


def _offline_hint() -> str:
    return " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
