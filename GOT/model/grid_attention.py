"""Attention over a grid of patches whose scores get a bias for the distance in rows plus one for that in columns.

Four thousand patches have sixteen million scores a head, and as many biases: as written, 0.8 GB each in float32. The
bias is a sum of two small parts, though, and here are two ways never to hold it whole, each equal to the formula.

N images or windows · A heads · H, W patch grid · d width of a head
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

BIAS_BYTES = 16 * 1024**2  # that attend_in_groups builds at a time: as much as a CPU's cache holds


def choose_attention(implementation: str, device: torch.device) -> Callable[..., Tensor]:
    """The way to attend: ``eager`` is the formula as written, ``by_head`` the same for engines that a graph is traced
    for, anything else what suits the device.

    On a CPU wider heads cost half as much again as building the bias in parts; on a card memory traffic is what costs.
    """
    if implementation == "eager":
        return attend_plain
    if implementation == "by_head":
        return attend_by_head
    return attend_folded if device.type == "cuda" else attend_in_groups


def attend_plain(query: Tensor, key: Tensor, value: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The formula as written: ``softmax(q·k / sqrt(d) + bias) · v``. For comparison; it holds all scores at once.

    Args:
        query, key, value: (N, A, H·W, d).
        rows: (H, H, d) embedding of each distance in rows.
        columns: (W, W, d) embedding of each distance in columns.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + relative_bias(query, rows, columns)
    return scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype) @ value


def attend_by_head(query: Tensor, key: Tensor, value: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The formula, one head after the other where there are many tokens: for tracers, whose engines fuse by themselves.

    Arguments as :func:`attend_plain`.
    """
    if query.shape[2] <= 256:
        return attend_plain(query, key, value, rows, columns)
    heads = zip(query.split(1, 1), key.split(1, 1), value.split(1, 1), strict=True)
    return torch.cat([attend_plain(q, k, v, rows, columns) for q, k, v in heads], dim=1)


def attend_in_groups(query: Tensor, key: Tensor, value: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The same, with fused attention and the bias of a few heads, or a few rows of one head, at a time: for CPUs.

    Arguments as :func:`attend_plain`.
    """
    images, heads, tokens, _ = query.shape
    height, width = len(rows), len(columns)
    row_bytes = images * width * tokens * query.element_size()  # of one row of patches in one head
    # Windows are small and many: all in one call, which spreads over the cores by itself.
    if tokens <= 256 or heads * height * row_bytes <= BIAS_BYTES:
        bias = relative_bias(query, rows, columns)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    at_once = max(1, BIAS_BYTES // (height * row_bytes))  # heads
    height_at_once = max(1, min(height, BIAS_BYTES // row_bytes))  # rows of patches
    by_heads = []
    for q, k, v in zip(query.split(at_once, 1), key.split(at_once, 1), value.split(at_once, 1), strict=True):
        parts = [
            F.scaled_dot_product_attention(part, k, v, attn_mask=relative_bias(part, table, columns))
            for part, table in zip(
                q.split(height_at_once * width, 2), rows.split(height_at_once), strict=True
            )
        ]
        by_heads.append(torch.cat(parts, dim=2))
    return torch.cat(by_heads, dim=1)


def attend_folded(query: Tensor, key: Tensor, value: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The same, with the bias folded into wider heads, so that no (tokens, tokens) bias is ever there: for cards.

    A key's position is marked by two one-hot vectors. Behind a query stand its biases for every row and every column,
    and their product with the marks picks the two that are meant:

        ``[q, r, c] · [k, onehot(row of k), onehot(column of k)] = q·k + r[row of k] + c[column of k]``

    Arguments as :func:`attend_plain`.
    """
    head_dim, height, width = query.shape[-1], len(rows), len(columns)
    by_row, by_column = bias_parts(query, rows, columns)
    root = head_dim**0.5  # the kernel scales all scores, the bias is not to be scaled
    # Fused kernels want one width for all three, a multiple of 8.
    spare = -(head_dim + height + width) % 8
    wide_query = torch.cat([query, by_row.flatten(2, 3) * root, by_column.flatten(2, 3) * root], dim=-1)
    row_marks, column_marks = (torch.eye(n, device=key.device, dtype=key.dtype) for n in (height, width))
    marks = torch.cat([row_marks.repeat_interleave(width, 0), column_marks.repeat(height, 1)], dim=-1)
    wide_key = torch.cat([key, marks.expand(*key.shape[:2], -1, -1)], dim=-1)
    attended = F.scaled_dot_product_attention(
        F.pad(wide_query, (0, spare)),
        F.pad(wide_key, (0, spare)),
        F.pad(value, (0, height + width + spare)),
        scale=1 / root,
    )
    return attended[..., :head_dim]


def relative_bias(query: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Bias of every query for every key: its row distance's part plus its column distance's part.

    Args:
        query: (N, A, h·W, d), not scaled (as in segment-anything); whole rows of the grid, not necessarily all.
        rows: (h, H, d), embedding of the distance from each of the query's rows to each row.
        columns: (W, W, d).

    Returns:
        (N, A, h·W, H·W).
    """
    by_row, by_column = bias_parts(query, rows, columns)
    # Contiguous, or the sum inherits einsum's strides and is copied whole when it is flattened.
    bias = by_row.contiguous()[..., :, None] + by_column.contiguous()[..., None, :]
    return rearrange(bias, "n a h w i j -> n a (h w) (i j)")


def bias_parts(query: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Bias of every query for every row, (N, A, h, W, H), and for every column, (N, A, h, W, W) of patches."""
    grid = rearrange(query, "n a (h w) d -> n a h w d", h=rows.shape[0])
    by_row = torch.einsum("n a h w d, h k d -> n a h w k", grid, rows)
    by_column = torch.einsum("n a h w d, w k d -> n a h w k", grid, columns)
    return by_row, by_column


def relative_table(rel_pos: Tensor, size: int) -> Tensor:
    """Spread the embeddings of distances ``-(size-1) .. size-1`` to a table by query and key position.

    Args:
        rel_pos: (2·size-1, d).
        size: Positions on one axis.

    Returns:
        (size, size, d): the embedding of ``query - key``.
    """
    positions = torch.arange(size, device=rel_pos.device)
    return rel_pos[positions[:, None] - positions[None, :] + size - 1]
