"""The model in OpenVINO, on CPUs: the graphs of ``openvino_graphs``, exported once by ``openvino_export``.

B batch · T tokens · N views · P image tokens of a view · D hidden · V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from GOT.data.processor import ModelInputs
from GOT.inference.backends import Prompt
from GOT.inference.backends import openvino_graphs as graphs
from GOT.inference.backends.openvino_session import OpenVINOSession, run
from GOT.inference.device import choose_device
from GOT.inference.generation import answer_room
from GOT.model.checkpoint import load_config
from GOT.model.config import GOTConfig
from GOT.utils import io
from GOT.utils.lazy import require
from GOT.utils.mapped import release_pages

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
        made = io.read_json(folder / RECORD)["precision"]
        if precision not in ("auto", made):
            raise ValueError(
                f"{folder} holds an export in {made}; got --precision {precision}. Leave it out."
            )
        return OpenVINOBackend(folder, load_config(folder))
    exported = find_or_export(folder, precision=precision, cache_dir=cache_dir, allow_lossy=allow_lossy)
    return OpenVINOBackend(exported, load_config(folder))


class OpenVINOBackend:
    """Runs exported graphs; keep one for many pages.

    Args:
        folder: What ``openvino_export`` wrote.
        config: The checkpoint's configuration.
    """

    name = "openvino"

    def __init__(self, folder: Path, config: GOTConfig) -> None:
        ov = require("openvino", extra=graphs.EXTRA)
        self.folder = folder
        self.config = config
        core = ov.Core()
        chosen = PROPERTIES | {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
        self._embedding = graphs.map_embedding(folder, hidden_size=config.hidden_size, rows=config.vocab_size)
        self._encoder = core.compile_model(folder / graphs.ENCODER, "CPU", chosen)
        release_pages(graphs.weights_of(folder / graphs.ENCODER))
        self._decoder = core.compile_model(folder / graphs.DECODER, "CPU", chosen)
        # The engine lays out a decoder's weights anew when it first runs; from then on nothing reads the file's.
        self.open_slots(1).join(
            [Prompt(torch.zeros(1, dtype=torch.long), torch.empty(0, 1, config.hidden_size))]
        )
        release_pages(graphs.weights_of(folder / graphs.DECODER))

    def start(self, batch: Sequence[ModelInputs]) -> OpenVINOSession:
        """See ``backends.Backend``."""
        for inputs in batch:  # before the costly encoding
            answer_room(self.config.max_position_embeddings, len(inputs.input_ids))
        session = self.open_slots(len(batch))
        features = self.encode([inputs.pixel_values for inputs in batch])
        by_prompt = features.split([len(inputs.pixel_values) for inputs in batch])
        session.join([Prompt(i.input_ids, f) for i, f in zip(batch, by_prompt, strict=True)])
        return session

    def open_slots(self, count: int) -> OpenVINOSession:
        """See ``backends.SlotBackend``; rows take memory only when they come, so there is no fixed number."""
        return OpenVINOSession(self.config, self.embed, self._decoder.create_infer_request)

    def encode(self, pixel_values: Sequence[Tensor]) -> Tensor:
        """Views of several prompts to image features, (N, P, D); one view fills the cores."""
        views = torch.cat(list(pixel_values))
        features = torch.empty(len(views), self.config.vision.num_image_tokens, self.config.hidden_size)
        request = self._encoder.create_infer_request()
        for index in range(len(views)):
            features[index] = run(request, {"pixel_values": views[index : index + 1]})[0]
        return features

    def embed(self, token_ids: Tensor) -> Tensor:
        """Rows of the embedding table, (..., D), float32."""
        return self._embedding[token_ids].float()
