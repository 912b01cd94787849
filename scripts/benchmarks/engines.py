"""The two engines that ``read_engines`` measures, side by side: encode a view, take in a prompt, decode tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from GOT.data.processor import ModelInputs
from GOT.inference.backends import Prompt
from GOT.inference.generation import choose_greedily
from GOT.model.checkpoint import load_config


class TransformersEngine:
    """The peer, without the overhead of its ``generate``."""

    def __init__(self, model: Path, inputs: dict[str, Tensor]) -> None:
        from transformers import GotOcr2ForConditionalGeneration

        self.model: Any = GotOcr2ForConditionalGeneration.from_pretrained(model, dtype=torch.float32).eval()
        self.inputs = inputs

    @torch.inference_mode()
    def encode(self) -> Tensor:
        found = self.model.model.get_image_features(self.inputs["pixel_values"])
        found = getattr(found, "pooler_output", found)
        return torch.as_tensor(found).flatten(0, -2)

    @torch.inference_mode()
    def prefill(self, features: Tensor) -> Any:
        from transformers import DynamicCache

        ids = self.inputs["input_ids"][None]
        embeds = self.model.get_input_embeddings()(ids)
        embeds[ids == self.model.config.image_token_id] = features
        return self._forward(embeds, DynamicCache(config=self.model.config.text_config))

    @torch.inference_mode()
    def decode(self, first: Any, count: int) -> list[int]:
        (logits, cache), tokens = first, []
        for _ in range(count):
            token = logits.argmax(-1)
            tokens.append(int(token))
            logits, _ = self._forward(self.model.get_input_embeddings()(token[None]), cache)
        return tokens

    def _forward(self, embeds: Tensor, cache: Any) -> tuple[Tensor, Any]:
        hidden = self.model.model.language_model(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
        return self.model.lm_head(hidden.last_hidden_state[:, -1]), cache


class OpenVINOEngine:
    """Ours: the backend as the pipeline uses it."""

    def __init__(self, model: Path, export: Path, inputs: dict[str, Tensor]) -> None:
        from GOT.inference.backends.openvino_backend import OpenVINOBackend

        self.backend = OpenVINOBackend(export, load_config(model))
        self.inputs = ModelInputs(**inputs)

    def encode(self) -> Tensor:
        return self.backend.encode([self.inputs.pixel_values])

    def prefill(self, features: Tensor) -> Any:
        session = self.backend.open_slots(1)
        session.join([Prompt(self.inputs.input_ids, features)])
        return session

    def decode(self, first: Any, count: int) -> list[int]:
        tokens = []
        for _ in range(count):
            token, _ = choose_greedily(first.logits, [()])
            tokens.append(int(token[0]))
            first.step(token)
        return tokens

    def agree(self, first: Any, wanted: list[int]) -> dict[str, int]:
        """At how many steps it chooses the token that another engine chose, led along that one's answer."""
        same = 0
        for token in wanted:
            same += int(first.logits.argmax(-1)[0]) == token
            first.step(torch.tensor([token]))
        return {"same": same, "of": len(wanted)}
