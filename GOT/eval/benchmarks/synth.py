"""The synthetic held-out set: samples that training never sees, drawn once into a folder and then read.

Every kind becomes ``KIND.json`` in the published form and a folder of pictures, so that a set can be looked at, kept
and read by other models too. The same index and seed give the same sample everywhere.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import multiprocessing
import time
from pathlib import Path

from GOT.eval.benchmarks.base import Benchmark, LoadOptions, build_record
from GOT.eval.records import Record, load_ground_truth
from GOT.utils.cache import made_alone
from GOT.utils.io import atomic_folder, write_json
from GOT.utils.lazy import load_entry
from GOT.utils.log import get_logger
from GOT.utils.processes import die_with_parent

logger = get_logger(__name__)

SPLIT = "heldout"
# Kinds whose answers need more than a comparison of texts.
METRICS = {
    "scene": "scene",
    "formula": "formula",
    "table": "table",
    "chart": "chart",
    "page_en": "formatted",
    "page_zh": "formatted",
    "molecule": "molecule",
}


def load(name: str, options: LoadOptions) -> Benchmark:
    """The set in ``options.data``; kinds that are not there yet are drawn.

    Raises:
        ValueError: For an unknown kind.
        ImportError: If a kind's renderer is missing; the message names the extra.
    """
    from GOT.data_engine import KINDS

    kinds = options.kinds or tuple(KINDS)
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"--kinds takes {', '.join(KINDS)}; got {kind!r}.")
    count = min(options.samples, options.limit or options.samples)
    if options.draw:
        _draw_missing([kind for kind in kinds if not _is_drawn(options, kind, count)], count, options)
    while not all(_is_drawn(options, kind, count) for kind in kinds):
        time.sleep(1)

    records: list[Record] = []
    for kind in kinds:
        raw_records = load_ground_truth(_file(options, kind, count))
        for raw in raw_records:
            record = build_record(raw, options.data, metric=METRICS.get(kind, "plain"), group=kind)
            crop = record.asked.endswith("upon the patch reference: ")
            records.append(dataclasses.replace(record, index=len(records), crop=crop))
    note = f"{count} samples of each kind, seed {options.seed}, split {SPLIT} of GOT.data_engine"
    if options.settings:
        note += f"; settings of its own: {', '.join(sorted(options.settings))}"
    return Benchmark(name, records, notes=(note,))


def _file(options: LoadOptions, kind: str, count: int) -> Path:
    return options.data / f"{_stem(options, kind, count)}.json"


def _stem(options: LoadOptions, kind: str, count: int) -> str:
    settings = options.settings.get(kind)
    if not settings:
        return f"{kind}-seed{options.seed}-{count}"
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=4).hexdigest()
    return f"{kind}-seed{options.seed}-{count}-{digest}"


def _is_drawn(options: LoadOptions, kind: str, count: int) -> bool:
    return _file(options, kind, count).is_file()  # written last, once every picture is there


def _draw_missing(kinds: list[str], count: int, options: LoadOptions) -> None:
    if not kinds:
        return
    logger.info("Drawing %d held-out samples of each of %s into %s", count, ", ".join(kinds), options.data)
    context = multiprocessing.get_context("spawn")  # renderers hold threads and fonts
    with concurrent.futures.ProcessPoolExecutor(
        options.workers, mp_context=context, initializer=die_with_parent
    ) as pool:
        drawn = {kind: pool.submit(_draw_kind, kind, count, options) for kind in kinds}
        for kind, future in drawn.items():
            try:
                future.result()
            except (ImportError, FileNotFoundError) as error:
                raise type(error)(f"{kind}: {error} (--kinds leaves it out)") from error


def _draw_kind(kind: str, count: int, options: LoadOptions) -> None:
    """Draw one kind, unless another run draws the same one at this moment: then wait and take what it made."""
    target = options.data / _stem(options, kind, count)
    with made_alone(target):
        if _is_drawn(options, kind, count):
            return
        with atomic_folder(target) as folder:
            entries = _fill(folder, target.name, kind, count, options)
        write_json(_file(options, kind, count), entries, indent=1)


def _fill(folder: Path, name: str, kind: str, count: int, options: LoadOptions) -> list[dict[str, object]]:
    """Save the pictures into a folder that will be called ``name``; returns their records."""
    from GOT.data_engine import KINDS
    from GOT.data_engine.sample import Rejected

    sample = load_entry(KINDS, kind, what="kind of sample")
    entries: list[dict[str, object]] = []
    index = 0
    while len(entries) < count:
        try:
            drawn = sample(index, options.seed, **{"split": SPLIT, **options.settings.get(kind, {})})
        except Rejected:
            index += 1  # every attempt of this one was rejected; the next index takes its place
            if index > 10 * count + 100:
                raise RuntimeError(f"{kind}: of {index} samples only {len(entries)} were accepted.") from None
            continue
        files = [f"{index:06d}-{page}.png" for page in range(len(drawn.images))]
        for image, file in zip(drawn.images, files, strict=True):
            image.save(folder / file, compress_level=1)
        images = [f"{name}/{file}" for file in files]
        turns = [
            {"from": "human", "value": f"<image>\n{drawn.prompt}"},
            {"from": "gpt", "value": drawn.target},
        ]
        entries.append({"image": images[0] if len(images) == 1 else images, "conversations": turns})
        index += 1
    return entries
