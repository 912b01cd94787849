"""Prompts to logits in OpenVINO, token by token: rows that come and go in the state of one execution.

Rows are padded on the left, so that all end at the same position and a step appends one everywhere. New ones are taken
in by an execution of their own; then both states become one, less the padding that no row needs any more.

B rows · T tokens · C cached tokens · D hidden · K key-value heads · d width of a head · V vocabulary
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from GOT.inference.backends import Prompt
from GOT.inference.generation import answer_room
from GOT.model.config import GOTConfig
from GOT.utils.lazy import require


class OpenVINOSession:
    """See ``backends.SlotSession``.

    Args:
        config: The checkpoint's.
        embed: Token ids to rows of the embedding table.
        new_request: Makes an execution of the decoder with an empty cache.
    """

    def __init__(
        self, config: GOTConfig, embed: Callable[[Tensor], Tensor], new_request: Callable[[], Any]
    ) -> None:
        self._config, self._embed, self._new_request = config, embed, new_request
        self._request: Any = None
        self._mask = torch.empty(0, 0, dtype=torch.long)  # (B, C), 0 at padding
        self._rows = torch.empty(0, dtype=torch.int32)  # which row of the state each row goes on from
        self.logits = torch.empty(0, config.vocab_size)

    @property
    def max_new_tokens(self) -> int:
        """Tokens that the context leaves for the longest row."""
        return self._config.max_position_embeddings - max(self._mask.sum(-1).tolist(), default=0)

    def join(self, prompts: Sequence[Prompt]) -> None:
        """See ``SlotSession``."""
        request = self._new_request()
        embeds, mask = self._take_in(prompts)
        rows = torch.arange(len(prompts), dtype=torch.int32)
        logits = _forward(request, embeds, mask, (mask.cumsum(-1) - 1).clamp(min=0), rows)
        if len(self._rows):
            self._mask = _merge_states(self._request, self._mask, self._rows, request, mask)
            self._rows = torch.arange(len(self._mask), dtype=torch.int32)
            self.logits = torch.cat([self.logits, logits])
        else:
            self._request, self._mask, self._rows, self.logits = request, mask, rows, logits

    def step(self, token_ids: Tensor) -> None:
        """See ``DecodeSession``."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(token_ids), 1)], dim=1)
        positions = self._mask.sum(-1, keepdim=True) - 1
        self.logits = _forward(
            self._request, self._embed(token_ids[:, None]), self._mask, positions, self._rows
        )
        self._rows = torch.arange(len(token_ids), dtype=torch.int32)

    def keep(self, rows: Sequence[int]) -> None:
        """See ``DecodeSession``: the others leave the cache at the next step."""
        index = torch.tensor(list(rows), dtype=torch.long)
        self._mask, self._rows, self.logits = self._mask[index], self._rows[index], self.logits[index]

    def room_for(self, tokens: int) -> int:
        """See ``SlotSession``."""
        return tokens

    def _take_in(self, prompts: Sequence[Prompt]) -> tuple[Tensor, Tensor]:
        """Embedded prompts, (B, T, D), and their mask, (B, T)."""
        longest = max(len(prompt.input_ids) for prompt in prompts)
        answer_room(self._config.max_position_embeddings, longest)
        input_ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        mask = torch.zeros_like(input_ids)
        for row, prompt in enumerate(prompts):
            input_ids[row, longest - len(prompt.input_ids) :] = prompt.input_ids
            mask[row, longest - len(prompt.input_ids) :] = 1
        features = torch.cat([prompt.image_features for prompt in prompts])
        is_image = (input_ids == self._config.image_token_id) & mask.bool()
        given, wanted = features.shape[0] * features.shape[1], int(is_image.sum())
        if given != wanted:
            raise ValueError(
                f"{len(features)} views give {given} image tokens; the prompt has {wanted} placeholders."
            )
        embeds = self._embed(input_ids)
        embeds[is_image] = features.flatten(0, 1)
        return embeds, mask


def run(request: Any, tensors: dict[str, Tensor]) -> Tensor:
    """Run a graph on tensors where they lie; gives its first output, a view that holds until the next run.

    ``request.infer`` would copy all inputs and outputs.
    """
    arrays = {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}
    request.start_async(arrays, share_inputs=True)
    request.wait()
    return torch.from_numpy(request.get_output_tensor(0).data)


def _forward(request: Any, embeds: Tensor, mask: Tensor, positions: Tensor, rows: Tensor) -> Tensor:
    tensors = {"inputs_embeds": embeds, "attention_mask": mask, "position_ids": positions, "rows": rows}
    return run(request, tensors)


def _merge_states(request: Any, mask: Tensor, rows: Tensor, other: Any, other_mask: Tensor) -> Tensor:
    """Let another execution's rows go on in ``request``, behind those of its own that stay; gives their mask.

    Layer by layer, so that memory for one layer is all that is needed beside the caches.
    """
    tensor = require("openvino", extra="openvino").Tensor
    length = int(max(mask.sum(-1).max(), other_mask.sum(-1).max()))
    kept, joining = rows.numpy(), {state.name: state for state in other.query_state()}
    for state in request.query_state():
        parts = (state.state.data[kept], joining[state.name].state.data)
        state.state = tensor(np.concatenate([_fit(part, length, axis=2) for part in parts]))
    return torch.from_numpy(
        np.concatenate([_fit(part.numpy(), length, axis=1) for part in (mask, other_mask)])
    )


def _fit(array: np.ndarray, length: int, *, axis: int) -> np.ndarray:
    """The end of an axis, this long; zeros before it where it is shorter."""
    missing = length - array.shape[axis]
    if missing <= 0:
        return np.take(array, range(-missing, array.shape[axis]), axis=axis) if missing else array
    padding = [(missing if number == axis else 0, 0) for number in range(array.ndim)]
    return np.pad(array, padding)
