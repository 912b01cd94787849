"""The training loop: transformers' Trainer with GOT's batches, parameter groups, guards and checkpoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainerState

from GOT.data.collator import Collator
from GOT.data.dataset import ConversationDataset
from GOT.data.sampler import EpochBatchSampler
from GOT.train.arguments import DataArguments, GOTTrainingArguments
from GOT.train.health import DataHealth, Throughput, check_finite
from GOT.train.lora import ADAPTER_WEIGHTS, read_adapters
from GOT.train.loss import supervised_loss
from GOT.train.optimizer import Rates, build_groups
from GOT.utils.constants import IGNORE_INDEX
from GOT.utils.io import fsync_folder, fsync_tree, make_readable
from GOT.utils.log import get_logger

logger = get_logger(__name__)

DATA_STATE = "data_state.json"
CheckpointWriter = Callable[[dict[str, Tensor], Path], None]


class GOTTrainer(Trainer):
    """Trains on :class:`ConversationDataset`.

    Args:
        model: The model, with the parts frozen that do not train.
        args: Training arguments.
        data: Data arguments: limits on bad samples.
        rates: Learning rates of the parts.
        write_checkpoint: Writes weights (by name) into a folder, so that the demos can read it.
        read_weights: Reads them back.
    """

    args: GOTTrainingArguments  # type: ignore[assignment]

    def __init__(
        self,
        model: nn.Module,
        args: GOTTrainingArguments,
        *,
        data: DataArguments,
        rates: Rates,
        train_dataset: ConversationDataset,
        eval_dataset: ConversationDataset | None,
        collator: Collator,
        write_checkpoint: CheckpointWriter,
        read_weights: Callable[[Path], dict[str, Tensor]],
        callbacks: Sequence[Any] = (),
    ) -> None:
        super().__init__(
            model=model,  # type: ignore[arg-type]
            args=args,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            data_collator=collator,  # type: ignore[arg-type]
            callbacks=list(callbacks),
        )
        self.model_accepts_loss_kwargs = True  # compute_loss divides by the items of the whole step
        self.rates = rates
        self.health = DataHealth(
            records=max(1, len(train_dataset) // max(1, args.world_size)),
            max_share=data.max_bad_fraction,
            max_run=data.max_bad_run,
        )
        self._eval_sums = torch.zeros(2)
        self._data_settings = {
            "length_policy": data.length_policy,
            "allow_empty_answers": data.allow_empty_answers,
            "max_tiles": data.max_tiles,
            "image_size": train_dataset.processor.transform.image_size,
        }
        self.throughput = Throughput()
        self._write_checkpoint = write_checkpoint
        self._read_weights = read_weights

    # Batches ---------------------------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> DataLoader:  # type: ignore[type-arg]
        """Batches of this rank, in the order that all ranks share."""
        dataset = self.train_dataset
        assert isinstance(dataset, ConversationDataset)
        lengths = dataset.lengths() if self.args.group_by_length else None
        sampler = EpochBatchSampler(
            len(dataset),
            self._train_batch_size,
            seed=self.args.data_seed if self.args.data_seed is not None else self.args.seed,
            rank=self.args.process_index,
            world_size=self.args.world_size,
            lengths=lengths,
        )
        loader = self._loader(dataset, sampler)
        loader.on_epoch = self.health.start_epoch
        return loader

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader:  # type: ignore[type-arg]
        """Every validation sample once, shared out over the ranks."""
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        assert isinstance(dataset, ConversationDataset)
        sampler = EpochBatchSampler(
            len(dataset),
            self.args.per_device_eval_batch_size,
            rank=self.args.process_index,
            world_size=self.args.world_size,
            shuffle=False,
        )
        return self._loader(dataset, sampler)

    def _loader(self, dataset: Dataset[Any], sampler: EpochBatchSampler) -> _EpochLoader:
        # Not prepared by accelerate: it would shard what is sharded already, and repeat samples to fill batches.
        workers = self.args.dataloader_num_workers
        return _EpochLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=self.data_collator,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
            persistent_workers=bool(workers) and self.args.dataloader_persistent_workers,
            prefetch_factor=self.args.dataloader_prefetch_factor if workers else None,
            worker_init_fn=_init_worker if workers else None,
            multiprocessing_context=self.args.dataloader_multiprocessing_context if workers else None,
        )

    # Loss ------------------------------------------------------------------------------------------------------------

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Count what the batch brought, then the usual step."""
        self.health.count(
            inputs.pop("outcomes"), teaches=bool((inputs["labels"][:, 1:] != IGNORE_INDEX).any())
        )
        self.throughput.count(inputs)
        return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(  # type: ignore[override]
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """See ``train.loss``; in training divided by the items of the whole step, on all ranks."""
        batch = {name: value for name, value in inputs.items() if name != "outcomes"}
        loss = supervised_loss(model, batch, num_items_in_batch)
        if model.training:
            # Before the backward pass: under deepspeed that already updates the weights.
            check_finite(loss.detach(), self.state.global_step)
        if num_items_in_batch is not None:
            loss = loss * self._loss_scale  # gradients are averaged over the ranks
        return (loss, {"loss": loss}) if return_outputs else loss

    def prediction_step(  # type: ignore[override]
        self, model: nn.Module, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: Any = None
    ) -> tuple[Tensor, None, None]:
        """Validation loss only; texts are decoded by ``train.aloud``."""
        count = (inputs["labels"][:, 1:] != IGNORE_INDEX).sum()
        with torch.no_grad(), self.compute_loss_context_manager():
            summed = self.compute_loss(model, self._prepare_inputs(inputs), num_items_in_batch=1)
        self._eval_sums += torch.stack([summed.float().cpu() / self._loss_scale, count.cpu()])
        return summed / self._loss_scale / count.clamp(min=1).to(summed.device), None, None

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Divide the loss of all tokens by their number once, whatever the batches and ranks."""
        self._eval_sums = torch.zeros(2)
        output = super().evaluation_loop(*args, **kwargs)
        assert output.metrics is not None
        gathered = self.accelerator.gather(self._eval_sums[None].to(self.args.device)).sum(dim=0)
        output.metrics[f"{kwargs.get('metric_key_prefix', 'eval')}_loss"] = float(
            gathered[0] / gathered[1].clamp(min=1)
        )
        return output

    @property
    def _loss_scale(self) -> int:
        return self.accelerator.num_processes if self.args.average_tokens_across_devices else 1

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        norm = super()._clip_grad_norm(model)
        if isinstance(norm, Tensor) and not self.args.fp16:  # fp16 has a scaler that skips such steps
            check_finite(norm, self.state.global_step, what="gradient norm")
        return norm

    # Optimizer -------------------------------------------------------------------------------------------------------

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW over GOT's parameter groups."""
        if self.optimizer is None:
            groups = build_groups(self._plain_model if model is None else model, self.rates)
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)  # type: ignore[arg-type]
            kept = [{k: v for k, v in group.items() if k not in ("name", "param_names")} for group in groups]
            self.optimizer = kind(kept, **options)
        return self.optimizer

    # Logs ------------------------------------------------------------------------------------------------------------

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add speed and the state of the data to every line."""
        if "loss" in logs:
            logs = {
                **logs,
                **self.throughput.report(self._plain_model, self.args.world_size),
                **self.health.report(),
            }
        super().log(logs, start_time)

    # Checkpoints -----------------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write into a hidden folder, flush, rename: a folder called ``checkpoint-N`` is whole."""
        run = Path(str(self.args.output_dir))
        name = f"checkpoint-{self.state.global_step}"
        hidden = run / ".saving"
        if self.args.should_save:
            shutil.rmtree(hidden, ignore_errors=True)
            hidden.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        self._hidden_run_dir: str | None = str(hidden)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._hidden_run_dir = None
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            (hidden / name / DATA_STATE).write_text(json.dumps(self._data_state()))
            make_readable(hidden / name)
            fsync_tree(hidden / name)
            if (run / name).exists():
                shutil.rmtree(run / name)
            (hidden / name).rename(run / name)
            shutil.rmtree(hidden, ignore_errors=True)
            fsync_folder(run)  # the new one is on disk before an old one goes
            self._keep_newest(run)
        self.accelerator.wait_for_everyone()

    def _get_output_dir(self, trial: Any) -> str:
        return getattr(self, "_hidden_run_dir", None) or super()._get_output_dir(trial)

    def _keep_newest(self, run: Path) -> None:
        if not self.args.save_total_limit:
            return
        for step in checkpoint_steps(run)[: -self.args.save_total_limit]:
            shutil.rmtree(run / f"checkpoint-{step}", ignore_errors=True)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        """Write the weights as a checkpoint that the demos read."""
        if not self.args.should_save:
            return
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        weights = self.accelerator.unwrap_model(self.model).state_dict() if state_dict is None else state_dict
        self._write_checkpoint(weights, folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Read the weights back, when no engine does it."""
        target = self._plain_model if model is None else model
        if (Path(resume_from_checkpoint) / ADAPTER_WEIGHTS).is_file():
            read_adapters(target, Path(resume_from_checkpoint))
            return
        weights = self._read_weights(Path(resume_from_checkpoint))
        missing, unexpected = target.load_state_dict(weights, strict=False)
        tied = set(getattr(target, "all_tied_weights_keys", None) or {})
        wrong = [*unexpected, *(name for name in missing if name not in tied)]
        if wrong:
            raise ValueError(f"{resume_from_checkpoint} does not fit this model: {', '.join(wrong[:5])}.")

    def take_over(self, checkpoint: str | Path) -> None:
        """Stand where a checkpoint does, without a step: its weights in the model, its history in the state."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))

    def check_resume(self, checkpoint: str | Path) -> None:
        """Refuse to go on with other data than the checkpoint's.

        Raises:
            ValueError: Saying what changed.
        """
        path = Path(checkpoint) / DATA_STATE
        if not path.is_file():
            raise ValueError(f"{checkpoint} holds no {DATA_STATE}; it is no checkpoint of this trainer.")
        then, now = json.loads(path.read_text()), self._data_state()
        changed = [
            f"{name} was {then[name]}, now {value}"
            for name, value in now.items()
            if name in then and then[name] != value  # older checkpoints hold fewer
        ]
        if changed:
            raise ValueError(
                f"{checkpoint} was made with other data ({'; '.join(changed)}); resume with the same, or start anew."
            )

    @property
    def _plain_model(self) -> nn.Module:
        assert self.model is not None
        return self.model  # type: ignore[return-value]

    def _data_state(self) -> dict[str, Any]:
        dataset = self.train_dataset
        assert isinstance(dataset, ConversationDataset)
        args = self.args
        return {
            "fingerprint": dataset.fingerprint(),
            "group_by_length": args.group_by_length,
            "model_max_length": args.model_max_length,
            **self._data_settings,
            "samples": len(dataset),
            "seed": args.data_seed if args.data_seed is not None else args.seed,
            "samples_per_step": self._train_batch_size * args.gradient_accumulation_steps * args.world_size,
        }


class _EpochLoader(DataLoader):  # type: ignore[type-arg]
    """A loader that hands the epoch on to its sampler."""

    on_epoch: Callable[[], None] | None = None

    def set_epoch(self, epoch: int) -> None:
        assert isinstance(self.batch_sampler, EpochBatchSampler)
        self.batch_sampler.set_epoch(epoch)
        if self.on_epoch is not None:
            self.on_epoch()


def checkpoint_steps(run: str | Path) -> list[int]:
    """Steps of the whole checkpoints in a run's folder, oldest first."""
    names = (path.name.removeprefix("checkpoint-") for path in Path(run).glob("checkpoint-*"))
    return sorted(int(name) for name in names if name.isdecimal())


def _init_worker(worker: int) -> None:
    torch.set_num_threads(1)  # workers share the cores with the model
