"""Settings to what trains: the model that a stage starts from, its processor, and how its checkpoints are written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from torch import Tensor
from transformers import PreTrainedModel

from GOT.data.processor import GOTProcessor
from GOT.model.checkpoint import load_weights, write_model
from GOT.model.config import GOTConfig
from GOT.model.layouts import Layout
from GOT.model.pretrain import GOTPretrainConfig, GOTPretrainModel, load_pretrain_model, write_pretrain_model
from GOT.train.arguments import GOTTrainingArguments, ModelArguments
from GOT.train.encoder_start import load_encoder
from GOT.train.got_start import load_got, new_got
from GOT.train.machine import attention_for
from GOT.train.pretrain_start import load_pretrain, new_pretrain


@dataclasses.dataclass
class Built:
    """A model with its processor."""

    model: PreTrainedModel
    processor: GOTProcessor

    def write(self, weights: dict[str, Tensor], folder: Path, layout: Layout) -> None:
        """Write weights, config and tokenizer into a folder, as a checkpoint that loads like any other."""
        config = self.model.config
        if isinstance(config, GOTPretrainConfig):
            write_pretrain_model(config, weights, folder)
            self.processor.tokenizer.save_pretrained(folder)
            return
        assert isinstance(config, GOTConfig)
        write_model(config, weights, folder, layout=layout)
        self.processor.save_pretrained(folder, layout=layout)

    def read(self, folder: Path) -> dict[str, Tensor]:
        """Read the weights of a checkpoint that :meth:`write` wrote."""
        if isinstance(self.model, GOTPretrainModel):
            return load_pretrain_model(folder).state_dict()
        return load_weights(folder)


def build(arguments: ModelArguments, training: GOTTrainingArguments) -> Built:
    """Make or load the model that a stage starts from, in float32.

    Raises:
        ValueError, FileNotFoundError: If the settings do not lead to a model.
    """
    attention = attention_for(arguments.attn_implementation)
    if arguments.start_looking and (training.stage == 1 or arguments.model_name_or_path or arguments.decoder):
        raise ValueError("--start_looking is for stage 2 with a decoder that has learned nothing.")
    if training.stage == 1 and arguments.model_name_or_path:
        built = Built(*load_pretrain(arguments))
    elif training.stage == 1:
        built = Built(*new_pretrain(arguments, attention))
    elif arguments.model_name_or_path:
        built = Built(*load_got(arguments, attention))
    else:
        built = Built(*new_got(arguments, attention))
    if arguments.vision_tower:
        load_encoder(built.model, arguments.vision_tower)
    return built
