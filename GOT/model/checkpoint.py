"""Checkpoints on disk to models and back: folders of either layout, single or sharded safetensors.

``layouts`` translates their names. Nothing from a checkpoint is ever run: no remote code, no pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

from GOT.model.config import GOTConfig
from GOT.model.got import GOTQwenForCausalLM
from GOT.model.layouts import (
    Layout,
    config_from_original,
    config_from_transformers,
    config_to_original,
    config_to_transformers,
    to_original_key,
    to_transformers_key,
)
from GOT.utils import io
from GOT.utils.hub import resolve_folder
from GOT.utils.log import get_logger

logger = get_logger(__name__)

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def load_model(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    attn_implementation: str = "sdpa",
) -> GOTQwenForCausalLM:
    """Load a checkpoint of either layout, in evaluation mode.

    Args:
        name_or_path: A folder or a hub name (see ``utils.hub.resolve_folder``).
        revision: Hub revision.
        dtype: Type of the weights; the checkpoint's own by default.
        device: Where the weights go.
        attn_implementation: ``eager``, ``sdpa`` or ``flash_attention_2``.

    Raises:
        FileNotFoundError: If the folder or a file in it is missing.
        ValueError: If keys are missing, unexpected or of the wrong shape (all are named), or a file is damaged.
    """
    folder = resolve_folder(name_or_path, revision=revision)
    config = load_config(folder)
    config._attn_implementation = attn_implementation
    weights = load_weights(folder, device=device, dtype=dtype)
    model = build_model(config, weights, where=folder)
    return model.to(torch.device(device))  # type: ignore[arg-type]


def build_model(
    config: GOTConfig, weights: dict[str, Tensor], *, where: str | Path = "the weights"
) -> GOTQwenForCausalLM:
    """Make a model of exactly these weights (original names), without copying them.

    Raises:
        ValueError: If keys are missing, unexpected or of the wrong shape.
    """
    weights = dict(weights)
    _settle_head(config, weights, where)
    with torch.device("meta"):
        model = GOTQwenForCausalLM(config)
    check_weights({name: p.shape for name, p in model.named_parameters()}, weights, where=where)
    model.load_state_dict(weights, strict=False, assign=True)
    model.tie_weights()
    model.model.rotary_emb = Qwen2RotaryEmbedding(config)  # its buffer is computed, never stored
    left = [name for name, tensor in (*model.named_parameters(), *model.named_buffers()) if tensor.is_meta]
    assert not left, f"tensors without values after loading: {left}"
    return model.eval()


def check_weights(
    shapes: Mapping[str, torch.Size], weights: Mapping[str, Tensor], *, where: str | Path
) -> None:
    """Compare what a model wants with what a file holds.

    Raises:
        ValueError: Naming every kind of difference, the first few of each.
    """
    missing = sorted(shapes.keys() - weights.keys())
    unexpected = sorted(weights.keys() - shapes.keys())
    shaped = [
        f"{name} is {tuple(weights[name].shape)} instead of {tuple(shape)}"
        for name, shape in sorted(shapes.items())
        if name in weights and weights[name].shape != shape
    ]
    problems = [
        f"{len(names)} {kind}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", shaped))
        if names
    ]
    if problems:
        raise ValueError(f"{where} does not fit its config.json: {'; '.join(problems)}.")


def load_weights(
    folder: Path, *, device: str | torch.device = "cpu", dtype: torch.dtype | None = None
) -> dict[str, Tensor]:
    """Read all tensors of a checkpoint folder, under their original names."""
    weights: dict[str, Tensor] = {}
    layout = detect_layout(folder)
    for path in _weight_files(folder):
        try:
            with safe_open(str(path), framework="pt", device=str(device)) as file:
                for key in file.keys():  # noqa: SIM118 - not a dict
                    tensor = file.get_tensor(key)
                    name = to_original_key(key) if layout == "transformers" else key
                    if not name.endswith("rotary_emb.inv_freq"):  # old transformers stored this constant
                        weights[name] = tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path} is damaged or no safetensors file: {error}.") from error
    return weights


def detect_layout(folder: Path) -> Layout:
    """Tell which layout a checkpoint folder has, by its ``config.json``.

    Raises:
        FileNotFoundError: If there is no ``config.json``.
        ValueError: If it is another model's.
    """
    kind = _read_config(folder).get("model_type")
    if kind == "GOT":
        return "original"
    if kind == "got_ocr2":
        return "transformers"
    raise ValueError(
        f"{folder} holds a model of type {kind!r}; GOT reads types 'GOT' (original) and 'got_ocr2' (transformers)."
    )


def load_config(folder: str | Path) -> GOTConfig:
    """Read ``config.json`` of either layout."""
    folder = Path(folder)
    values = _read_config(folder)
    translate = config_from_transformers if detect_layout(folder) == "transformers" else config_from_original
    return translate(values)


def save_model(
    model: GOTQwenForCausalLM, folder: str | Path, *, layout: Layout = "original", max_shard_size: str = "5GB"
) -> Path:
    """Write a model's config and weights as a folder, atomically (an old folder is replaced once the new one is whole).

    Args:
        model: The model; its weights are written in the dtype they have.
        folder: Where to.
        layout: ``original`` (``ucaslcl/GOT-OCR2_0``) or ``transformers`` (``stepfun-ai/GOT-OCR-2.0-hf``).
        max_shard_size: Files grow no larger, e.g. ``"2GB"``.
    """
    with io.atomic_folder(folder) as temporary:
        write_model(model.config, model.state_dict(), temporary, layout=layout, max_shard_size=max_shard_size)
    return Path(folder)


def write_model(
    config: GOTConfig,
    weights: Mapping[str, Tensor],
    folder: Path,
    *,
    layout: Layout = "original",
    max_shard_size: str = "5GB",
) -> None:
    """Write config and weights (original names) into a folder that exists. Not atomic: the caller's folder is."""
    from huggingface_hub import save_torch_state_dict

    tied = config.tie_word_embeddings
    kept = {name: tensor for name, tensor in weights.items() if not (tied and name == HEAD)}
    dtype = str(kept[EMBEDDING].dtype).removeprefix("torch.")
    if layout == "transformers":
        io.write_json(folder / "config.json", config_to_transformers(config) | {"dtype": dtype})
        kept = {to_transformers_key(name): tensor for name, tensor in kept.items()}
    else:
        io.write_json(folder / "config.json", config_to_original(config) | {"torch_dtype": dtype})
    save_torch_state_dict(
        {name: _on_its_own(tensor.detach()) for name, tensor in kept.items()},
        folder,
        max_shard_size=max_shard_size,
    )


def _on_its_own(tensor: Tensor) -> Tensor:
    """Contiguous, and no part of a larger storage, which safetensors refuses: a backend may have joined weights."""
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor.contiguous() if whole else tensor.clone(memory_format=torch.contiguous_format)


def _settle_head(config: GOTConfig, weights: dict[str, Tensor], where: str | Path) -> None:
    # Published files of the original layout store the head although it equals the embedding.
    head = weights.get(HEAD)
    if head is None or EMBEDDING not in weights or not config.tie_word_embeddings:
        return
    if head.shape == weights[EMBEDDING].shape and torch.equal(head, weights[EMBEDDING]):
        del weights[HEAD]
        return
    logger.warning(
        "%s says that head and embedding are tied but stores different ones; both are kept, untied.", where
    )
    config.tie_word_embeddings = False


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"No config.json in {folder}; --model-name wants the folder that holds the weights."
        )
    values = io.read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} does not hold a configuration but a {type(values).__name__}.")
    return values


def _weight_files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            names = sorted({str(name) for name in index["weight_map"].values()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{folder / INDEX} is no index of weights: {error!r}.") from error
        paths = [folder / Path(name).name for name in names]  # .name: an index cannot point out of its folder
        absent = [path.name for path in paths if not path.is_file()]
        if absent:
            raise FileNotFoundError(
                f"{folder / INDEX} lists {', '.join(absent)}, which {folder} does not hold."
            )
        return paths
    if list(folder.glob("*.xml")):
        raise FileNotFoundError(
            f"{folder} holds an OpenVINO export, without weights for torch; read with --backend openvino."
        )
    pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
    hint = f"; {pickles[0]} is a pickle, which is never loaded: convert it to safetensors" if pickles else ""
    raise FileNotFoundError(f"No {WEIGHTS} or {INDEX} in {folder}{hint}.")
