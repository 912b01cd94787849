"""Records to answers: shards over processes, GPUs or machines, resumable; no averages unless every record is there.

Each shard appends to ``answers/KKKKK-of-NNNNN.partial.jsonl`` and renames it when it is done; whatever whole lines
such files hold count as done on the next start, however many shards that has. Merging orders by the ground truth.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import itertools
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from GOT.eval.records import Answer, Record, read_lines
from GOT.utils import log
from GOT.utils.io import write_json, write_text
from GOT.utils.processes import die_with_parent

logger = log.get_logger(__name__)

ANSWERS = "answers.jsonl"
PUBLISHED_ANSWERS = "results_final.json"  # the file that the published scoring tools take


class ShardError(RuntimeError):
    """A shard failed: there are no averages, and the next start goes on where this one stopped."""


class Reader(Protocol):
    """What reads records: ``eval.reader.PipelineReader``, or a stand-in."""

    def read(self, records: Sequence[Record]) -> Iterator[Any]:
        """A ``PageResult`` for each record, in order; they may be read side by side."""
        ...


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """What a run reads, and with what; every shard process gets a copy.

    Attributes:
        records: All records, in the order of the ground truth.
        out: Folder of the run.
        reader: ``"module:function"`` that gives a :class:`Reader` for a shard's number and ``reader_options``.
        reader_options: Model, device, decoding and so on; part of what makes a run the same run.
        num_chunks: Shards.
        batch_size: Records read side by side.
        weights: Digest of the checkpoint's files, so that a checkpoint trained on in place is another run.
    """

    records: list[Record]
    out: Path
    reader: str = "GOT.eval.reader:open_pipeline"
    reader_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    num_chunks: int = 1
    batch_size: int = 1
    weights: str = ""

    def __post_init__(self) -> None:
        for flag, number in (("--num-chunks", self.num_chunks), ("--batch-size", self.batch_size)):
            if number < 1:
                raise ValueError(f"{flag} takes a number from 1; got {number}.")

    @property
    def answers(self) -> Path:
        """Folder of the shards' files."""
        return self.out / "answers"

    def fingerprint(self) -> dict[str, Any]:
        """What must be equal for two starts to be the same run; how the work is split is not part of it."""
        digest = hashlib.sha256()
        for record in self.records:
            digest.update(repr(dataclasses.astuple(dataclasses.replace(record, images=()))).encode())
        options = {name: value for name, value in self.reader_options.items() if name != "device"}
        return {
            "records": len(self.records),
            "records_sha256": digest.hexdigest(),
            "reader": self.reader,
            "reader_options": {name: str(value) for name, value in sorted(options.items())},
            "weights": self.weights,
        }


def run(plan: RunPlan, *, progress: Callable[[int, int], None] | None = None) -> list[Answer]:
    """Read all records that are not read yet, and give all answers in the order of the ground truth.

    Args:
        plan: What to read.
        progress: Called with (records done, records in all) now and then.

    Raises:
        ValueError: If the folder holds the answers of another run.
        ShardError: If a shard failed or was killed.
    """
    prepare_folder(plan)
    done = collect(plan)
    if len(done) < len(plan.records):
        waiting = {record.index % plan.num_chunks for record in plan.records if record.index not in done}
        _run_processes(plan, sorted(waiting), progress)
        done = collect(plan)
    return merge(plan, done)


def prepare_folder(plan: RunPlan) -> None:
    """Make the run's folder, or check that it is this run's.

    Raises:
        ValueError: If it holds another run; the message says what differs.
    """
    file, ours = plan.out / "run.json", plan.fingerprint()
    if file.is_file():
        try:
            theirs = json.loads(file.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{file} is not JSON ({error}); --restart reads everything again.") from error
        differs = [name for name in ours if theirs.get(name) != ours[name]]
        if differs:
            raise ValueError(
                f"{plan.out} holds the answers of another run (its {', '.join(differs)} differ); "
                "give another --out_path, or --restart to read everything again."
            )
    else:
        write_json(file, ours)
    plan.answers.mkdir(parents=True, exist_ok=True)


def collect(plan: RunPlan) -> dict[int, Answer]:
    """Answers that the folder holds, by record.

    Raises:
        ValueError: If a line is no answer, or one about something else than the record of its number.
    """
    found: dict[int, Answer] = {}
    for file, data in _files(plan):
        try:
            answers = list(read_lines(data))
        except ValueError as error:
            raise ValueError(
                f"{file} is damaged ({error}); remove it, or --restart to read everything again."
            ) from error
        for answer in answers:
            record = plan.records[answer.index] if answer.index < len(plan.records) else None
            if record is None or (answer.image, answer.question) != (record.image, record.question):
                raise ValueError(
                    f"{file} answers image {answer.image!r} as record {answer.index}, which it is not."
                )
            found.setdefault(answer.index, answer)
    return found


def merge(plan: RunPlan, answers: Mapping[int, Answer]) -> list[Answer]:
    """All answers in the order of the ground truth, also as the file that the published tools take.

    Raises:
        ShardError: If a record has no answer.
    """
    missing = [record for record in plan.records if record.index not in answers]
    if missing:
        raise ShardError(
            f"{len(missing)} records have no answer, the first is {missing[0].name}; start again to go on."
        )
    ordered = [answers[record.index] for record in plan.records]
    write_text(plan.out / ANSWERS, "".join(answer.to_line() + "\n" for answer in ordered))
    published = [
        {"image": answer.image, "question": answer.question, "label": answer.label, "answer": answer.answer}
        for answer in ordered
    ]
    write_json(plan.out / PUBLISHED_ANSWERS, published, indent=1)
    return ordered


def read_shard(plan: RunPlan, shard: int) -> None:
    """Read the records of one shard: every ``num_chunks``-th, so that all shards have work and much the same of it."""
    launcher = os.getppid()
    done = collect(plan)
    todo = [
        record
        for record in plan.records
        if record.index % plan.num_chunks == shard and record.index not in done
    ]
    stem = f"{shard:05d}-of-{plan.num_chunks:05d}"
    partial, complete = plan.answers / f"{stem}.partial.jsonl", plan.answers / f"{stem}.jsonl"
    if todo:
        _drop_torn_line(partial)
        module, _, function = plan.reader.partition(":")
        reader = getattr(importlib.import_module(module), function)(shard=shard, **plan.reader_options)
        with partial.open("ab") as file:
            for answer in read_records(reader, todo, plan):
                file.write(answer.to_line().encode("utf-8", errors="replace") + b"\n")
                file.flush()
                os.fsync(file.fileno())
                if os.getppid() != launcher:  # torchrun's processes are not ours to watch otherwise
                    raise ShardError("the program that started this shard is gone")
    if partial.exists():
        os.replace(partial, complete)


def read_records(reader: Reader, records: Sequence[Record], plan: RunPlan) -> Iterator[Answer]:
    """Answers to records, batch by batch; a picture that cannot be read is a failed answer in its place."""
    iterator = iter(records)
    while batch := list(itertools.islice(iterator, plan.batch_size)):
        for record, result in zip(batch, reader.read(batch), strict=True):
            yield Answer(
                index=record.index,
                image=record.image,
                question=record.question,
                asked=record.asked,
                label=record.reference,
                answer=result.text,
                status=result.status,
                finish_reason=result.finish_reason,
                error=result.error,
                confidence=None if result.confidence is None else round(result.confidence, 4),
                num_tokens=result.num_tokens,
                seconds=round(result.seconds, 3),
            )


def _run_processes(
    plan: RunPlan, numbers: Sequence[int], progress: Callable[[int, int], None] | None
) -> None:
    # Spawned, not forked: each shard owns its model, its CUDA context and its threads.
    context = multiprocessing.get_context("spawn")
    shards = [
        context.Process(target=_shard_process, args=(plan, shard), name=f"shard {shard}", daemon=True)
        for shard in numbers  # one without records would load a model for nothing
    ]
    try:
        for process in shards:
            process.start()
        while any(process.is_alive() for process in shards):
            for process in shards:
                process.join(timeout=0.2 / len(shards))
            if progress:
                progress(count_lines(plan), len(plan.records))
        if progress:
            progress(count_lines(plan), len(plan.records))
    finally:
        for process in shards:
            if process.is_alive():
                process.terminate()
    failed = [
        f"{process.name} of {plan.num_chunks} (exit code {process.exitcode})"
        for process in shards
        if process.exitcode
    ]
    if failed:
        raise ShardError(
            f"{', '.join(failed)} did not finish, so there are no averages; what was read is kept in {plan.out}: "
            "the same command again goes on from there."
        )


def _shard_process(plan: RunPlan, shard: int) -> None:
    die_with_parent()
    log.configure()
    if plan.num_chunks > 1 and "torch" not in sys.modules and "OMP_NUM_THREADS" not in os.environ:
        # Shards on one CPU share its cores; this process has not loaded torch yet, so the limit still counts.
        os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // plan.num_chunks))
    try:
        read_shard(plan, shard)
    except (ValueError, OSError, ImportError, ShardError) as error:
        logger.error("shard %d of %d: %s", shard, plan.num_chunks, " ".join(str(error).split()))
        sys.exit(1)
    except Exception:
        logger.error("shard %d of %d: %s", shard, plan.num_chunks, traceback.format_exc())
        sys.exit(1)


def count_lines(plan: RunPlan) -> int:
    """Answers that the folder holds by now."""
    return sum(data.count(b"\n") for _, data in _files(plan))


def wait_for_shards(plan: RunPlan, progress: Callable[[int, int], None] | None = None) -> list[Answer]:
    """Wait until the other processes of a ``torchrun`` have finished their shards, then merge."""
    names = [plan.answers / f"{shard:05d}-of-{plan.num_chunks:05d}.jsonl" for shard in range(plan.num_chunks)]
    while len(found := collect(plan)) < len(plan.records):
        if progress:
            progress(len(found), len(plan.records))
        if all(name.exists() for name in names):
            break  # merge says which record is missing
        time.sleep(0.5)
    return merge(plan, collect(plan))


def _files(plan: RunPlan) -> Iterator[tuple[Path, bytes]]:
    """The shards' files and what they hold; one that is renamed meanwhile is looked for again."""
    for stem in sorted({path.name.split(".")[0] for path in plan.answers.glob("*.jsonl")}):
        for name in (f"{stem}.partial.jsonl", f"{stem}.jsonl"):  # in the order of a shard's life
            try:
                yield plan.answers / name, (plan.answers / name).read_bytes()
            except FileNotFoundError:
                continue


def _drop_torn_line(path: Path) -> None:
    """Cut what a killed shard wrote after its last whole line."""
    if path.exists():
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            write_text(path, data[:whole].decode("utf-8"))
