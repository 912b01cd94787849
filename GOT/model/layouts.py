"""The two layouts of a checkpoint, translated both ways: names of weights, and fields of ``config.json``.

Values to values; ``checkpoint`` reads and writes the files. One key map is used in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from transformers import PreTrainedConfig, Qwen2Config

from GOT.model.config import GOTConfig

Layout = Literal["original", "transformers"]  # ucaslcl/GOT-OCR2_0, stepfun-ai/GOT-OCR-2.0-hf

# (prefix in the original layout, prefix in transformers' layout); the first that fits is used, in both directions.
KEY_MAP: tuple[tuple[str, str], ...] = (
    ("lm_head.", "language_model.lm_head."),
    ("model.vision_tower_high.pos_embed", "vision_tower.pos_embed"),
    ("model.vision_tower_high.patch_embed.proj.", "vision_tower.patch_embed.projection."),
    ("model.vision_tower_high.blocks.", "vision_tower.layers."),
    ("model.vision_tower_high.neck.0.", "vision_tower.neck.conv1."),
    ("model.vision_tower_high.neck.1.", "vision_tower.neck.layer_norm1."),
    ("model.vision_tower_high.neck.2.", "vision_tower.neck.conv2."),
    ("model.vision_tower_high.neck.3.", "vision_tower.neck.layer_norm2."),
    ("model.vision_tower_high.net_2.", "multi_modal_projector.conv_upsampler1."),
    ("model.vision_tower_high.net_3.", "multi_modal_projector.conv_upsampler2."),
    ("model.mm_projector_vary.", "multi_modal_projector.multimodal_projector."),
    ("model.", "language_model.model."),
)
# Inside an encoder block only.
BLOCK_MAP: tuple[tuple[str, str], ...] = ((".norm1.", ".layer_norm1."), (".norm2.", ".layer_norm2."))

# Names that transformers uses in memory, and that some tools save: same tensors, other prefixes.
_IN_MEMORY = (
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_tower."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("lm_head.", "language_model.lm_head."),
)


def to_transformers_key(key: str) -> str:
    """Translate a weight's name from the original layout to transformers'."""
    return _translate(key, 0, 1)


def to_original_key(key: str) -> str:
    """Translate a weight's name from transformers' layout (on disk or in memory) to the original."""
    for memory, disk in _IN_MEMORY:
        if key.startswith(memory):
            key = disk + key.removeprefix(memory)
            break
    return _translate(key, 1, 0)


def _translate(key: str, source: int, target: int) -> str:
    for pair in KEY_MAP:
        if key.startswith(pair[source]):
            key = pair[target] + key.removeprefix(pair[source])
            for names in BLOCK_MAP if pair[0].endswith("blocks.") else ():
                key = key.replace(names[source], names[target])
            return key
    return key


def config_from_original(values: Mapping[str, Any]) -> GOTConfig:
    """Our configuration from the original ``config.json``.

    Raises:
        ValueError: If a value cannot be.
    """
    kept = {name: value for name, value in values.items() if name in _architecture_fields()}
    if kept.get("rope_parameters") is None and values.get("rope_theta") is not None:
        kept["rope_theta"] = values["rope_theta"]
    try:
        return GOTConfig(**kept)
    except Exception as error:  # transformers' validation has types of its own
        raise ValueError(f"config.json holds a value that cannot be: {error}.") from error


def config_to_original(config: GOTConfig) -> dict[str, Any]:
    """The original ``config.json``."""
    values = {name: getattr(config, name) for name in sorted(_architecture_fields())}
    # Readers of the published layout (older transformers, serving engines) look for rope_theta at the top.
    theta = (config.rope_parameters or {}).get("rope_theta")
    return {"architectures": ["GOTQwenForCausalLM"], "model_type": "GOT", "rope_theta": theta, **values}


def config_to_transformers(config: GOTConfig) -> dict[str, Any]:
    """The ``config.json`` of transformers' ``GotOcr2ForConditionalGeneration`` for the same architecture.

    Raises:
        ValueError: If transformers' class cannot express it.
    """
    vision = config.vision
    if vision.feature_size != config.hidden_size:
        raise ValueError(
            f"transformers' layout wants feature_size equal to hidden_size; here they are {vision.feature_size} "
            f"and {config.hidden_size}. Save it in the original layout."
        )
    text_fields = [name for name in Qwen2Config.__annotations__ if name in _architecture_fields()]
    vision_config = {k: v for k, v in (config.vision_config or {}).items() if k != "feature_size"}
    return {
        "architectures": ["GotOcr2ForConditionalGeneration"],
        "model_type": "got_ocr2",
        "image_token_index": config.image_token_id,
        "image_seq_length": vision.num_image_tokens,
        "tie_word_embeddings": config.tie_word_embeddings,
        "eos_token_id": config.eos_token_id,
        "text_config": {"model_type": "qwen2", **{name: getattr(config, name) for name in text_fields}},
        "vision_config": {"model_type": "got_ocr2_vision"} | vision_config,
    }


def config_from_transformers(values: Mapping[str, Any]) -> GOTConfig:
    """Our configuration from transformers' ``config.json``; what it leaves out has the published value."""
    text = dict(values.get("text_config") or {})
    vision = dict(values.get("vision_config") or {})
    # Older files leave "tie_word_embeddings" to the class default (True for GOT) in one place or the other.
    text["tie_word_embeddings"] = values.get("tie_word_embeddings", text.get("tie_word_embeddings", True))
    names = GOTConfig().vision_config or {}
    config = config_from_original(text | {"vision_config": {k: v for k, v in vision.items() if k in names}})
    assert config.vision_config is not None
    config.vision_config["feature_size"] = config.hidden_size
    config.im_patch_token = values.get(
        "image_token_index", values.get("image_token_id", config.im_patch_token)
    )
    config.im_start_token, config.im_end_token = config.im_patch_token - 2, config.im_patch_token - 1
    return config


def _architecture_fields() -> set[str]:
    # Without the bookkeeping of transformers' base class, which a checkpoint must not decide.
    base = set(PreTrainedConfig.__dataclass_fields__)
    kept = {"tie_word_embeddings", "pad_token_id", "bos_token_id", "eos_token_id"}
    return (set(GOTConfig.__dataclass_fields__) - base - {"layer_types"}) | kept
