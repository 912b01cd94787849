"""One training run from settings to a checkpoint: build, check, train or resume, write."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import set_seed

from GOT.data.collator import Collator
from GOT.data.dataset import ConversationDataset, Part, Quarantine
from GOT.data.processor import GOTProcessor
from GOT.data.sources import find_sources, open_table
from GOT.model.layouts import Layout
from GOT.train.arguments import RunArguments, describe
from GOT.train.build import Built, build
from GOT.train.code_reading import CodeCollator
from GOT.train.flags import check_flags, components_that_train
from GOT.train.lora import add_adapters, merged_weights, write_adapters
from GOT.train.optimizer import Rates, freeze
from GOT.train.resume import RECORD, StepsAsAsked, check_same_run
from GOT.train.show import show_groups, show_memory, show_sample
from GOT.train.stages import STAGES, Component
from GOT.train.trainer import GOTTrainer, checkpoint_steps
from GOT.utils import io
from GOT.utils.log import get_logger

logger = get_logger(__name__)

SYNTH = "synth:"
QUARANTINE = "quarantine.jsonl"
ROOT = Path(__file__).resolve().parents[2]


def run(arguments: RunArguments) -> dict[str, float]:
    """Train as the settings say; returns the metrics of the run.

    Raises:
        ValueError, FileNotFoundError: If the settings or the data do not fit.
        RuntimeError: If too much of the data is bad.
        FloatingPointError: If the loss stops being a number.
    """
    training = arguments.training
    main = training.process_index == 0
    check_flags(arguments)
    checkpoint = find_checkpoint(arguments)
    if checkpoint:
        check_same_run(checkpoint, arguments)
    if main:
        for note in arguments.notes:
            logger.warning("note: %s", note)
        logger.info(
            "settings of stage %d, %s:\n%s", training.stage, STAGES[training.stage].name, describe(arguments)
        )
    set_seed(training.seed)
    check_datasets(arguments)
    built = build(arguments.model, training)
    trains = components_that_train(arguments)
    model = _prepare(built, arguments, trains)
    longest = _longest_sample(built, arguments)
    trainset = open_datasets(arguments, arguments.data.datasets, built.processor, max_length=longest)
    evalset = (
        open_datasets(arguments, arguments.data.eval_datasets, built.processor, max_length=longest)
        if arguments.data.eval_datasets
        else None
    )
    output = Path(str(training.output_dir))
    rates = rates_of(arguments)
    if training.dry_run:
        _shorten(training)
        if main:
            show_sample(trainset, built.processor)
            show_groups(model, rates)
            show_memory(model, arguments)
    trainer = GOTTrainer(
        model,
        training,
        data=arguments.data,
        rates=rates,
        train_dataset=trainset,
        eval_dataset=evalset,
        collator=_collator(built, arguments, Quarantine(None if training.dry_run else output / QUARANTINE)),
        write_checkpoint=_writer(built, model, arguments),
        read_weights=built.read,
        callbacks=_callbacks(built, evalset, arguments),
    )
    if checkpoint:
        trainer.check_resume(checkpoint)
        logger.info("resuming from %s", checkpoint)
    if main and not training.dry_run:
        io.write_json(output / RECORD, _record(arguments))
        if not checkpoint:
            (output / QUARANTINE).unlink(missing_ok=True)  # another run's reasons
    if checkpoint and 0 < training.max_steps <= steps_of(checkpoint):
        logger.warning(
            "%s has its %d steps already: the model is written from it; raise --max_steps to go on",
            checkpoint,
            training.max_steps,
        )
        # A run that was killed behind its last step still owes its model.
        trainer.take_over(checkpoint)
        trainer.save_state()
        write_final(trainer, built, model, arguments)
        return {}
    metrics = trainer.train(resume_from_checkpoint=checkpoint).metrics
    if training.dry_run:
        logger.info("dry run: one step taken, loss %.4f; nothing was written", metrics["train_loss"])
        return metrics
    trainer.save_state()
    write_final(trainer, built, model, arguments)
    return metrics


def rates_of(arguments: RunArguments) -> Rates:
    """Learning rates of the parts."""
    training = arguments.training
    by_component: dict[Component, float] = {
        "encoder": _or(training.encoder_learning_rate, training.learning_rate),
        "projector": _or(training.projector_learning_rate, training.learning_rate),
        "decoder": _or(training.decoder_learning_rate, training.learning_rate),
    }
    return Rates(by_component, training.weight_decay, training.layer_decay)


def open_datasets(
    arguments: RunArguments, names: str, processor: GOTProcessor, *, max_length: int | None = None
) -> ConversationDataset:
    """Open what ``--datasets`` names; ``synth:recipe.yaml`` makes its samples when they are asked for.

    Args:
        arguments: Of the run.
        names: Joined by ``+``.
        processor: Makes samples.
        max_length: Most tokens of a sample; ``--model_max_length`` by default.
    """
    data, training = arguments.data, arguments.training
    recipes, files = _split_names(names)
    parts = [_synthetic(recipe) for recipe in recipes]
    if files or not parts:
        # One process of a machine converts the files, the others find the result.
        with training.main_process_first(desc="opening data sets"):
            for source in find_sources(files, data_config=data.data_config, root=ROOT):
                table = open_table(source, cache_dir=data.data_cache)
                parts.append(Part(str(source.annotations), table, source.images, source.weight))
    return ConversationDataset(
        parts,
        processor,
        max_length=training.model_max_length if max_length is None else max_length,
        length_policy=data.length_policy,  # type: ignore[arg-type]
        max_tiles=data.max_tiles,
        allow_empty_answers=data.allow_empty_answers,
        seed=training.seed,
    )


def check_datasets(arguments: RunArguments) -> None:
    """Look for all data sets before anything slow begins.

    Raises:
        ValueError, FileNotFoundError: As ``data.sources.find_sources`` and the recipes do.
    """
    for names in filter(None, (arguments.data.datasets, arguments.data.eval_datasets)):
        recipes, files = _split_names(names)
        for recipe in recipes:
            _synthetic(recipe, try_kinds=True)
        if files or not recipes:
            find_sources(files, data_config=arguments.data.data_config, root=ROOT)


def find_checkpoint(arguments: RunArguments) -> str | None:
    """The checkpoint to go on from: the one asked for, else the newest in the output folder."""
    training = arguments.training
    asked = training.resume_from_checkpoint
    if training.dry_run or (asked and str(asked).lower() in ("false", "no", "0")):
        return None
    if asked and str(asked).lower() not in ("true", "yes", "1"):
        return str(asked)
    steps = checkpoint_steps(str(training.output_dir))
    if asked and not steps:
        raise ValueError(f"--resume_from_checkpoint: {training.output_dir} holds no checkpoint-N.")
    return str(Path(str(training.output_dir)) / f"checkpoint-{steps[-1]}") if steps else None


def layout_of(arguments: RunArguments) -> Layout:
    """The layout of the checkpoints that a run writes."""
    return "transformers" if arguments.training.save_layout == "transformers" else "original"


def steps_of(checkpoint: str) -> int:
    """How many steps a checkpoint has behind it."""
    return int(json.loads((Path(checkpoint) / "trainer_state.json").read_text())["global_step"])


def write_final(trainer: GOTTrainer, built: Built, model: Any, arguments: RunArguments) -> None:
    """Write the trained model into the output folder itself, so that ``--model-name OUTPUT`` reads with it."""
    training = arguments.training
    in_engine = trainer.deepspeed is not None  # not where no step was taken
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if in_engine else None
    if not training.should_save:
        return
    output = Path(str(training.output_dir))
    hidden = output / ".saving"
    shutil.rmtree(hidden, ignore_errors=True)  # of a run that was killed while it wrote
    hidden.mkdir(parents=True)
    if arguments.model.lora_enable:
        adapter = hidden / "adapter"
        adapter.mkdir(exist_ok=True)
        write_adapters(model, weights, adapter)
        if not trainer.is_deepspeed_enabled:
            built.write(merged_weights(model), hidden, layout_of(arguments))
    else:
        built.write(model.state_dict() if weights is None else weights, hidden, layout_of(arguments))
    io.make_readable(hidden)
    io.fsync_tree(hidden)
    # config.json last: a folder without it is no checkpoint.
    for path in sorted(hidden.iterdir(), key=lambda p: p.name == "config.json"):
        target = output / path.name
        if path.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        os.replace(path, target)
    hidden.rmdir()
    logger.info("wrote %s", output)


def _longest_sample(built: Built, arguments: RunArguments) -> int:
    """``--model_max_length``, or all that the decoder has positions for."""
    asked, positions = arguments.training.model_max_length, int(built.model.config.max_position_embeddings)
    if asked > positions and arguments.training.process_index == 0:
        logger.warning(
            "note: --model_max_length %d is more than the %d positions of this decoder; longer samples are not taken",
            asked,
            positions,
        )
    return min(asked, positions)


def _collator(built: Built, arguments: RunArguments, quarantine: Quarantine) -> Collator:
    if not arguments.model.read_codes:
        return Collator(built.processor, quarantine)
    return CodeCollator(built.processor, built.model.config.hidden_size, quarantine)


def _prepare(built: Built, arguments: RunArguments, trains: set[Component]) -> Any:
    if not arguments.model.lora_enable:
        freeze(built.model, trains)
        return built.model
    freeze(built.model, set())
    explicit = arguments.model.train_projector
    return add_adapters(built.model, arguments.model, train_projector=bool(explicit))


def _writer(built: Built, model: Any, arguments: RunArguments) -> Callable[[dict[str, Tensor], Path], None]:
    def write(weights: dict[str, Tensor], folder: Path) -> None:
        if arguments.model.lora_enable:
            write_adapters(model, weights, folder)
        else:
            built.write(weights, folder, layout_of(arguments))

    return write


def _split_names(names: str) -> tuple[list[str], str]:
    listed = [name.strip() for name in names.split("+") if name.strip()]
    recipes = [name for name in listed if name.startswith(SYNTH)]
    return recipes, "+".join(name for name in listed if not name.startswith(SYNTH))


def _synthetic(name: str, *, try_kinds: bool = False) -> Part:
    from GOT.data_engine.feed import SynthTable
    from GOT.data_engine.recipe import Recipe

    path = Path(name.removeprefix(SYNTH))
    table = SynthTable(Recipe.load(path))
    if try_kinds:
        table.try_kinds()
    return Part(path.stem, table, path.parent)


def _callbacks(built: Built, evalset: ConversationDataset | None, arguments: RunArguments) -> list[Any]:
    count = arguments.training.decode_samples
    if not count or evalset is None:
        return [StepsAsAsked()]
    from GOT.train.aloud import ReadAloud

    return [StepsAsAsked(), ReadAloud(built.processor, evalset, count)]


def _shorten(training: Any) -> None:
    training.max_steps = 1
    training.save_strategy = training.eval_strategy = "no"
    training.logging_steps = 1


def _record(arguments: RunArguments) -> dict[str, Any]:
    return {
        "model": dataclasses.asdict(arguments.model),
        "data": dataclasses.asdict(arguments.data),
        "training": arguments.training.to_sanitized_dict(),
        "origins": arguments.origins,
        "notes": arguments.notes,
        "torch": torch.__version__,
    }


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
