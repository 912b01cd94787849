"""A few validation samples decoded during training: the loss says how sure the model is, this what it reads."""

from __future__ import annotations

from typing import Any

import torch
from transformers import TrainerCallback

from GOT.data.dataset import ConversationDataset, TrainingSample
from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.inference.backends.torch_backend import TorchBackend
from GOT.inference.generation import decode
from GOT.utils.constants import IGNORE_INDEX
from GOT.utils.log import get_logger

logger = get_logger(__name__)

MAX_TOKENS = 256  # of a sample read aloud


class ReadAloud(TrainerCallback):
    """Decodes the first samples of the validation set at every evaluation, on the first rank.

    Args:
        processor: For texts.
        dataset: The validation set.
        count: How many samples.
    """

    def __init__(self, processor: GOTProcessor, dataset: ConversationDataset, count: int) -> None:
        self.processor = processor
        self.dataset = dataset
        self.count = count

    def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Read and log."""
        if args.process_index or any(hasattr(p, "ds_id") for p in model.parameters()):
            return  # under ZeRO-3 no rank has the whole model
        was_training = model.training
        for index in range(min(self.count, len(self.dataset))):
            for sample in self.dataset[index]:
                if isinstance(sample, TrainingSample):
                    reference, prediction = self.read(model, sample)
                    logger.info(
                        "step %d, sample %d\n  page  %r\n  read  %r",
                        state.global_step,
                        index,
                        reference,
                        prediction,
                    )
        model.train(was_training)

    @torch.inference_mode()
    def read(self, model: Any, sample: TrainingSample) -> tuple[str, str]:
        """The answer a sample holds, and the one the model gives to its first question."""
        tokenizer = self.processor.tokenizer
        labels = sample.labels.tolist()
        first = next(i for i, label in enumerate(labels) if label != IGNORE_INDEX)
        end = labels.index(tokenizer.special.turn_end, first)  # of the first answer; others may follow
        reference = tokenizer.decode(labels[first:end])
        question = sample.input_ids[:first]
        views = int((question == tokenizer.special.image).sum()) // self.processor.num_image_tokens
        inputs = ModelInputs(question, sample.pixel_values[:views])
        plain = model.get_base_model() if hasattr(model, "get_base_model") else model
        session = TorchBackend(plain).start([inputs])
        stop = frozenset({tokenizer.special.turn_end, tokenizer.special.end_of_text})
        *_, answers = decode(session, [inputs.input_ids.tolist()], stop_ids=stop, max_new_tokens=MAX_TOKENS)
        return reference, tokenizer.decode(answers[0].token_ids)
