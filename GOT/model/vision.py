"""Pixels to image features: a ViTDet encoder and the two strided convolutions that compress its grid 16 times.

N images · S side in pixels · H, W patch grid · C encoder width · A heads · d width of a head · F feature size

Parameter names are those of the published checkpoints.
Source: segment-anything's image encoder (Kirillov et al. 2023, arXiv 2304.02643) with decomposed relative positions of
MViTv2 (arXiv 2112.01526); compression as in Vary (arXiv 2312.06109).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from GOT.model.config import VisionConfig
from GOT.model.grid_attention import choose_attention, relative_table

# How a new encoder's attention begins: see Attention.reset_to_neighbours.
NEIGHBOURS = (
    (0, 0),
    (0, -1),
    (0, 1),
    (-1, 0),
    (1, 0),
    (0, -2),
    (0, 2),
    (-1, -1),
    (-1, 1),
    (1, -1),
    (1, 1),
    (2, 0),
)
REACH = 4  # patches; further ones are all alike
STEEPNESS = 1.4  # of the fall in attention with the square of the distance


class VisionEncoder(nn.Module):
    """The whole tower: ``(N, 3, S, S) -> (N, F, S/64, S/64)``.

    Args:
        config: Sizes.
        attn_implementation: ``eager`` computes the plain formula; anything else the same, fused
            (``grid_attention.choose_attention``).
    """

    def __init__(self, config: VisionConfig, attn_implementation: str = "sdpa") -> None:
        super().__init__()
        self.config = config
        self.gradient_checkpointing = False  # switched on by PreTrainedModel.gradient_checkpointing_enable
        width, channels = config.hidden_size, config.output_channels
        self.patch_embed = PatchEmbed(config)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.grid_size, config.grid_size, width))
        self.blocks = nn.ModuleList(
            Block(
                config, is_global=index in config.global_attn_indexes, attn_implementation=attn_implementation
            )
            for index in range(config.num_hidden_layers)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(width, channels, kernel_size=1, bias=False),
            LayerNorm2d(channels, eps=config.layer_norm_eps),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(channels, eps=config.layer_norm_eps),
        )
        self.net_2 = nn.Conv2d(channels, 2 * channels, kernel_size=3, stride=2, padding=1, bias=False)
        self.net_3 = nn.Conv2d(
            2 * channels, config.feature_size, kernel_size=3, stride=2, padding=1, bias=False
        )
        self.reset_positions()

    def reset_positions(self) -> None:
        """Initialise what no generic initialiser knows: absolute positions, and where attention looks first."""
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, Attention):
                module.reset_to_neighbours()

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Encode views, each alone.

        Args:
            pixel_values: (N, 3, S, S), float, normalised by ``data.image``.

        Returns:
            (N, F, S/64, S/64) features, in the dtype of the weights.

        Raises:
            ValueError: If the views are not of the configured size.
        """
        return self.net_3(self.net_2(self.encode_patches(pixel_values)))

    def encode_patches(self, pixel_values: Tensor) -> Tensor:
        """The first part of :meth:`forward`: ``(N, 3, S, S) -> (N, channels, H, W)``, one vector a patch."""
        size = self.config.image_size
        if pixel_values.shape[-2:] != (size, size):
            shape = "x".join(str(side) for side in pixel_values.shape[-2:])
            raise ValueError(
                f"This encoder reads {size}x{size} views; got {shape}. Resize with data.image.ImageTransform."
            )
        hidden = self.patch_embed(pixel_values.to(self.pos_embed.dtype)) + self.pos_embed
        for block in self.blocks:
            if self.gradient_checkpointing and self.training:
                hidden = self._checkpoint(block.__call__, hidden)
            else:
                hidden = block(hidden)
        return self.neck(rearrange(hidden, "n h w c -> n c h w"))

    @property
    def _checkpoint(self) -> Callable[..., Tensor]:
        function: Any = self._gradient_checkpointing_func  # set together with the switch
        return function


class PatchEmbed(nn.Module):
    """``(N, 3, S, S) -> (N, H, W, C)``, one vector a patch."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.hidden_size, kernel_size=config.patch_size, stride=config.patch_size)

    def forward(self, pixel_values: Tensor) -> Tensor:
        return rearrange(self.proj(pixel_values), "n c h w -> n h w c")


class Block(nn.Module):
    """Attention (in windows, or over the whole grid) and an MLP, each behind a norm and added back."""

    def __init__(self, config: VisionConfig, *, is_global: bool, attn_implementation: str) -> None:
        super().__init__()
        self.window_size = 0 if is_global else config.window_size
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attn = Attention(config, self.window_size or config.grid_size, attn_implementation)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = MLP(config.hidden_size, config.mlp_dim)

    def forward(self, hidden: Tensor) -> Tensor:
        if self.window_size:
            windows, padded = split_windows(self.norm1(hidden), self.window_size)
            attended = join_windows(self.attn(windows), self.window_size, padded, hidden.shape[1:3])
        else:
            attended = self.attn(self.norm1(hidden))
        hidden = hidden + attended
        return hidden + self.mlp(self.norm2(hidden))


class MLP(nn.Module):
    """Two linear layers around a GELU."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, inner)
        self.lin2 = nn.Linear(inner, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.lin2(F.gelu(self.lin1(hidden)))


class Attention(nn.Module):
    """Multi-head attention over a grid, with a bias for the distance in rows plus one for the distance in columns."""

    def __init__(self, config: VisionConfig, grid_size: int, attn_implementation: str) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.attn_implementation = attn_implementation
        head_dim = config.hidden_size // self.num_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * grid_size - 1, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * grid_size - 1, head_dim))

    @torch.no_grad()
    def reset_to_neighbours(self) -> None:
        """Let every head begin by looking at one neighbour of a patch, as a convolution does; it may unlearn that.

        Four places of every head's query are its bias alone, so that ``q · rel_pos`` is, up to a constant,
        ``-STEEPNESS · |distance - offset|²``.

        Source: the idea is ConViT's (d'Ascoli et al. 2021, arXiv 2103.10697), here in terms of relative positions.
        """
        head_dim = self.rel_pos_h.shape[1]
        nn.init.zeros_(self.rel_pos_h)
        nn.init.zeros_(self.rel_pos_w)
        if head_dim < 4:
            return
        for table, place in ((self.rel_pos_h, 0), (self.rel_pos_w, 2)):
            distance = (torch.arange(len(table)) - len(table) // 2).clamp(-REACH, REACH) / REACH
            table[:, place] = distance
            table[:, place + 1] = distance**2
        query_weight, key_weight, _ = self.qkv.weight.view(3, self.num_heads, head_dim, -1)
        query_bias = self.qkv.bias.view(3, self.num_heads, head_dim)[0]
        query_weight[:, :4] = 0
        key_weight[:, :4] = 0
        for head in range(self.num_heads):
            down, right = NEIGHBOURS[head % len(NEIGHBOURS)]
            # A relative position is query - key: a key further down or right has a negative one.
            query_bias[head, :4] = (
                STEEPNESS * REACH * torch.tensor([-2.0 * down, -REACH, -2.0 * right, -REACH])
            )

    def forward(self, hidden: Tensor) -> Tensor:
        """``(N, H, W, C) -> (N, H, W, C)``."""
        height, width = hidden.shape[1:3]
        query, key, value = rearrange(
            self.qkv(hidden), "n h w (three a d) -> three n a (h w) d", three=3, a=self.num_heads
        ).unbind(0)
        rows = relative_table(self.rel_pos_h, height)
        columns = relative_table(self.rel_pos_w, width)
        attend = choose_attention(self.attn_implementation, query.device)
        attended = attend(query, key, value, rows, columns)
        return self.proj(rearrange(attended, "n a (h w) d -> n h w (a d)", h=height))


def split_windows(hidden: Tensor, window: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut a grid into windows, padding with zeros on the right and below.

    Args:
        hidden: (N, H, W, C).
        window: Side of a window, in patches.

    Returns:
        (N·windows, window, window, C), and the padded height and width.
    """
    height, width = hidden.shape[1:3]
    pad_h, pad_w = -height % window, -width % window
    hidden = F.pad(hidden, (0, 0, 0, pad_w, 0, pad_h))
    windows = rearrange(hidden, "n (i h) (j w) c -> (n i j) h w c", h=window, w=window)
    return windows, (height + pad_h, width + pad_w)


def join_windows(windows: Tensor, window: int, padded: tuple[int, int], size: tuple[int, ...]) -> Tensor:
    """Undo :func:`split_windows`: back to (N, H, W, C) without the padding."""
    rows, columns = padded[0] // window, padded[1] // window
    hidden = rearrange(windows, "(n i j) h w c -> n (i h) (j w) c", i=rows, j=columns)
    return hidden[:, : size[0], : size[1]]


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of a picture: ``(N, C, H, W)``."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, hidden: Tensor) -> Tensor:
        channels_last = F.layer_norm(
            hidden.movedim(1, -1), self.weight.shape, self.weight, self.bias, self.eps
        )
        return channels_last.movedim(-1, 1)
