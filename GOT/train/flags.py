"""Settings that ask for what a run cannot do: refused before anything slow begins, instead of going without effect."""

from __future__ import annotations

from collections.abc import Iterator

from GOT.train.arguments import RunArguments
from GOT.train.stages import COMPONENTS, STAGES, Component


def components_that_train(arguments: RunArguments) -> set[Component]:
    """What the stage trains, unless flags say otherwise."""
    stage = STAGES[arguments.training.stage]
    wanted = {name: getattr(arguments.model, f"train_{name}") for name in COMPONENTS}
    return {name for name in COMPONENTS if (name in stage.trains if wanted[name] is None else wanted[name])}


def check_flags(arguments: RunArguments) -> None:
    """Insist that every flag has an effect.

    Raises:
        ValueError: With the first one that has none.
    """
    for wrong in (_of_stage_1, _of_adapters, _of_codes, _of_decoding):
        for message in wrong(arguments):
            raise ValueError(message)


def _of_stage_1(arguments: RunArguments) -> Iterator[str]:
    if arguments.training.stage != 1:
        if arguments.model.glyph_weight is not None:
            yield "--glyph_weight weighs the glyph maps of stage 1; later stages learn from text alone."
        return
    if arguments.model.lora_enable:
        yield "--lora_enable adapts a pretrained decoder; stage 1 trains the encoder whole."
    if arguments.training.save_layout != "original":
        yield "--save_layout transformers: stage 1's model has one layout; stages 2 and 3 write both."


def _of_adapters(arguments: RunArguments) -> Iterator[str]:
    if not arguments.model.lora_enable:
        return
    for name in ("encoder", "decoder"):
        if getattr(arguments.model, f"train_{name}"):
            yield (
                f"--train_{name} True beside --lora_enable: adapters train alone, or with the projector "
                "(--train_projector True)."
            )


def _of_codes(arguments: RunArguments) -> Iterator[str]:
    if not arguments.model.read_codes:
        return
    if arguments.training.stage == 1 or components_that_train(arguments) != {"decoder"}:
        yield "--read_codes trains a decoder alone: --stage 2 --train_encoder False --train_projector False."
    if arguments.training.decode_samples:
        yield "--decode_samples reads pictures, and with --read_codes there is no encoder yet."


def _of_decoding(arguments: RunArguments) -> Iterator[str]:
    training = arguments.training
    if not training.decode_samples:
        return
    if training.stage == 1:
        yield "--decode_samples reads with GOT; stage 1's model only teaches its encoder."
    if not arguments.data.eval_datasets or training.eval_strategy == "no":
        yield "--decode_samples reads aloud at every evaluation: give --eval_datasets and --eval_strategy steps."
