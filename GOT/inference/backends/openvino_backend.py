"""The model in OpenVINO, on CPUs: the graphs of ``openvino_graphs``, exported once by ``openvino_export``.

B batch · T tokens · N views · P image tokens of a view · D hidden · V vocabulary
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from GOT.data.processor import ModelInputs
from GOT.inference.backends import openvino_graphs as graphs
from GOT.inference.device import choose_device
from GOT.inference.generation import answer_room
from GOT.model.checkpoint import load_config
from GOT.model.config import GOTConfig
from GOT.utils.lazy import require

# The default cache type is u8, which costs agreement and saves little beside the weights; bfloat16, the default
# precision of CPUs that have it, would make answers depend on the machine.
PROPERTIES = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "PERFORMANCE_HINT": "LATENCY"}


def load(
    folder: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    attn_implementation: str = "sdpa",
    precision: str = "auto",
    cache_dir: Path | None = None,
    allow_lossy: bool = False,
) -> OpenVINOBackend:
    """Load a checkpoint folder, exporting it first if this was not done before.

    Args:
        precision: ``float32``, ``int8``, ``int8-activations``, or ``auto``: the fastest that keeps the text.
        cache_dir: Where exports are kept; by default in the user's cache folder.
        allow_lossy: Take a precision although it changes the text of sample pages.

    Raises:
        ValueError: If something is asked for that this engine does not do, or the precision changes the text.
        ImportError: If OpenVINO is not installed.
    """
    require("openvino", extra=graphs.EXTRA)
    if device != "auto" and choose_device(device).type != "cpu":
        raise ValueError(
            f"--backend openvino runs on the CPU; got --device {device}. Use --backend torch there."
        )
    if dtype not in ("auto", "float32", "fp32"):
        raise ValueError(f"--backend openvino has --precision instead of --dtype; got --dtype {dtype}.")
    if attn_implementation == "flash_attention_2":
        raise ValueError("--backend openvino has one attention of its own; leave out --attn-implementation.")
    from GOT.inference.backends.openvino_export import RECORD, find_or_export

    if (folder / RECORD).is_file():  # an export with config and tokenizer, as ``got-ocr export -o`` writes
        return OpenVINOBackend(folder, load_config(folder))
    exported = find_or_export(folder, precision=precision, cache_dir=cache_dir, allow_lossy=allow_lossy)
    return OpenVINOBackend(exported, load_config(folder))


class OpenVINOBackend:
    """Runs exported graphs; keep one for many pages.

    Args:
        folder: What ``openvino_export`` wrote.
        config: The checkpoint's configuration.
        properties: OpenVINO's, beside :data:`PROPERTIES` (a benchmark asks for a profile).
    """

    name = "openvino"

    def __init__(
        self, folder: Path, config: GOTConfig, properties: Mapping[str, object] | None = None
    ) -> None:
        ov = require("openvino", extra=graphs.EXTRA)
        self.folder = folder
        self.config = config
        core = ov.Core()
        chosen = PROPERTIES | {"INFERENCE_NUM_THREADS": torch.get_num_threads()} | dict(properties or {})
        self._encoder = core.compile_model(folder / graphs.ENCODER, "CPU", chosen)
        self._decoder = core.compile_model(folder / graphs.DECODER, "CPU", chosen)
        self._embedding = graphs.map_embedding(folder, hidden_size=config.hidden_size, rows=config.vocab_size)

    def start(self, batch: Sequence[ModelInputs]) -> OpenVINOSession:
        """See ``backends.Backend``."""
        features = self.encode([inputs.pixel_values for inputs in batch])
        return OpenVINOSession(self, batch, features)

    def encode(self, pixel_values: Sequence[Tensor]) -> Tensor:
        """Views of several prompts to image features, (N, P, D); one view fills the cores."""
        views = torch.cat(list(pixel_values))
        features = torch.empty(len(views), self.config.vision.num_image_tokens, self.config.hidden_size)
        request = self.new_request(encoder=True) if len(views) else None
        for index, view in enumerate(views.split(1)):
            assert request is not None
            _run(request, {"pixel_values": view})
            features[index] = torch.from_numpy(request.get_output_tensor(0).data)[0]
        return features

    def embed(self, token_ids: Tensor) -> Tensor:
        """Rows of the embedding table, (..., D), float32."""
        return self._embedding[token_ids].float()

    def new_request(self, *, encoder: bool = False) -> Any:
        """An execution of the decoder with a cache of its own, or of the encoder."""
        return (self._encoder if encoder else self._decoder).create_infer_request()


class OpenVINOSession:
    """Prompts of different length side by side, padded on the left. See ``generation.DecodeSession``."""

    def __init__(
        self, backend: OpenVINOBackend, batch: Sequence[ModelInputs], image_features: Tensor
    ) -> None:
        self._backend = backend
        self._request = backend.new_request()
        config = backend.config
        longest = max(len(inputs.input_ids) for inputs in batch)
        self.max_new_tokens = answer_room(config.max_position_embeddings, longest)
        input_ids = torch.zeros(len(batch), longest, dtype=torch.long)
        mask = torch.zeros_like(input_ids)
        for row, inputs in enumerate(batch):
            input_ids[row, longest - len(inputs.input_ids) :] = inputs.input_ids
            mask[row, longest - len(inputs.input_ids) :] = 1
        is_image = (input_ids == config.image_token_id) & mask.bool()
        self._mask = mask
        self._rows = torch.arange(len(batch))
        embeds = backend.embed(input_ids)
        expected, found = image_features.shape[0] * image_features.shape[1], int(is_image.sum())
        if expected != found:
            raise ValueError(
                f"{len(image_features)} views give {expected} image tokens; the prompt has {found} placeholders."
            )
        embeds[is_image] = image_features.flatten(0, 1)
        self.logits = self._forward(embeds, (mask.cumsum(-1) - 1).clamp(min=0))

    def step(self, token_ids: Tensor) -> None:
        """See ``DecodeSession``."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(token_ids), 1)], dim=1)
        embeds = self._backend.embed(token_ids[:, None])
        self.logits = self._forward(embeds, self._mask.sum(-1, keepdim=True) - 1)

    def keep(self, rows: Sequence[int]) -> None:
        """See ``DecodeSession``: the others leave the cache at the next step."""
        index = torch.tensor(list(rows), dtype=torch.long)
        self._mask, self._rows = self._mask[index], self._rows[index]

    def _forward(self, inputs_embeds: Tensor, position_ids: Tensor) -> Tensor:
        request = self._request
        tensors = {
            "inputs_embeds": inputs_embeds, "attention_mask": self._mask, "position_ids": position_ids,
            "rows": self._rows,
        }  # fmt: skip
        _run(request, tensors)
        self._rows = torch.arange(len(self._rows))
        # A view of the engine's buffer: it holds until the next step, as ``logits`` does.
        return torch.from_numpy(request.get_output_tensor(0).data)


def _run(request: Any, tensors: dict[str, Tensor]) -> None:
    """Run a graph on tensors where they lie, and leave its outputs where they are: ``infer`` would copy all of them."""
    arrays = {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}
    request.start_async(arrays, share_inputs=True)
    request.wait()
