"""The architecture as one object: a Qwen2 decoder, a ViTDet encoder, and the ids that join them. Any size."""

from __future__ import annotations

import dataclasses
from typing import Any

from transformers import Qwen2Config


@dataclasses.dataclass(frozen=True)
class VisionConfig:
    """Sizes of the vision encoder; the defaults are the published ones (SAM-b, then two strided convolutions).

    Field names are those of transformers' ``GotOcr2VisionConfig`` where it has one.

    Attributes:
        image_size: Side of one square view, in pixels; a multiple of ``4 * patch_size``.
        patch_size: Side of one patch, in pixels.
        window_size: Side of an attention window, in patches.
        global_attn_indexes: Blocks that attend over the whole view instead of windows.
        output_channels: Channels of the neck; the first strided convolution doubles them.
        feature_size: Channels of the second strided convolution: one image token's features.
    """

    image_size: int = 1024
    patch_size: int = 16
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    mlp_dim: int = 3072
    window_size: int = 14
    global_attn_indexes: tuple[int, ...] = (2, 5, 8, 11)
    output_channels: int = 256
    feature_size: int = 1024
    layer_norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        object.__setattr__(self, "global_attn_indexes", tuple(self.global_attn_indexes))
        stride = 4 * self.patch_size  # the two convolutions halve the patch grid twice
        if self.image_size <= 0 or self.image_size % stride:
            raise ValueError(f"image_size must be a positive multiple of {stride}; got {self.image_size}.")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"The encoder's hidden_size {self.hidden_size} does not divide into {self.num_attention_heads} heads."
            )

    @property
    def grid_size(self) -> int:
        """Patches on one side of a view."""
        return self.image_size // self.patch_size

    @property
    def num_image_tokens(self) -> int:
        """Image tokens of one view (256 at 1024 pixels)."""
        return (self.grid_size // 4) ** 2


class GOTConfig(Qwen2Config):
    """A Qwen2 configuration plus the vision part; defaults are the published full size.

    Attributes:
        vision_config: Fields of :class:`VisionConfig` that differ from the published ones; kept as plain
            values so that ``config.json`` stays readable. Use :attr:`vision` in code.
        im_start_token: Id of ``<img>``. These three names are the published config's.
        im_end_token: Id of ``</img>``.
        im_patch_token: Id of ``<imgpad>``, the placeholder that image features replace.

    Example:
        >>> GOTConfig(hidden_size=64, vision_config={"image_size": 256}).vision.num_image_tokens
        16
    """

    model_type = "GOT"

    vocab_size: int = 151860
    hidden_size: int = 1024
    intermediate_size: int = 2816
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    num_key_value_heads: int | None = 16
    max_window_layers: int = 21
    tie_word_embeddings: bool = True
    pad_token_id: int | None = None
    bos_token_id: int | None = 151643
    eos_token_id: int | list[int] | None = 151645
    vision_config: dict[str, Any] | None = None
    im_start_token: int = 151857
    im_end_token: int = 151858
    im_patch_token: int = 151859
    image_token_len: int = 256
    use_im_start_end: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        if self.rope_parameters is None:
            kwargs.setdefault("rope_theta", 1_000_000.0)
        super().__post_init__(**kwargs)
        vision = VisionConfig(**(self.vision_config or {}))
        self.vision_config = dataclasses.asdict(vision) | {
            "global_attn_indexes": list(vision.global_attn_indexes)
        }
        self.image_token_len = vision.num_image_tokens

    @property
    def vision(self) -> VisionConfig:
        """The encoder's sizes as a typed object."""
        return VisionConfig(**(self.vision_config or {}))

    @property
    def image_token_id(self) -> int:
        """Id of the placeholder token (transformers' name for ``im_patch_token``)."""
        return self.im_patch_token


def tiny_config(**overrides: Any) -> GOTConfig:
    """A configuration that runs in milliseconds, with windows that need padding and one global block.

    For tests, samples and dry runs; it keeps the full vocabulary unless told otherwise.
    """
    values: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_window_layers": 2,
        "max_position_embeddings": 2048,
        "vision_config": {
            "image_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "mlp_dim": 64,
            "window_size": 3,
            "global_attn_indexes": (1,),
            "output_channels": 16,
            "feature_size": 64,
        },
    }
    return GOTConfig(**(values | overrides))
