"""Shard records to what training and people read: ``conversations.json``, then ``summary.json``.

A data set may be larger than memory, so records are read and written one by one.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from GOT.data_engine import KINDS
from GOT.data_engine.folder import read_record
from GOT.data_engine.recipe import Recipe
from GOT.data_engine.shards import Shard
from GOT.utils.io import atomic_file, write_json


def write_summary(out: Path, recipe: Recipe, shards: list[Shard]) -> dict[str, Any]:
    """Merge the records in order and write the summary last.

    Returns:
        What ``summary.json`` holds.
    """
    ordered = sorted(shards, key=lambda shard: (list(KINDS).index(shard.kind), shard.number))
    kinds: dict[str, dict[str, Any]] = {}
    tokens: dict[str, list[int]] = collections.defaultdict(list)

    def records() -> Iterator[dict[str, Any]]:
        for shard in ordered:
            content = read_record(out, shard)
            entry = kinds.setdefault(shard.kind, {"wanted": 0, "made": 0, "rejected": 0, "reasons": {}})
            entry["wanted"] += shard.count
            entry["made"] += len(content["samples"])
            entry["rejected"] += len(content["rejected"])
            for verdict in content["rejected"]:
                reason = verdict["reason"].rpartition("the last one: ")[2]
                entry["reasons"][reason] = entry["reasons"].get(reason, 0) + 1
            for sample in content["samples"]:
                tokens[shard.kind].append(sample["tokens"])
                yield sample["record"]

    _write_list(out / "conversations.json", records())
    for kind, entry in kinds.items():
        entry["tokens"] = _spread(tokens[kind])
    summary = {
        "samples": sum(entry["made"] for entry in kinds.values()),
        "rejected": sum(entry["rejected"] for entry in kinds.values()),
        "seed": recipe.seed,
        "kinds": kinds,
    }
    write_json(out / "summary.json", summary)
    return summary


def _write_list(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with atomic_file(path) as file:
        file.write(b"[")
        for number, record in enumerate(records):
            line = json.dumps(record, ensure_ascii=False)
            file.write(((",\n" if number else "\n") + line).encode("utf-8", errors="surrogatepass"))
        file.write(b"\n]\n")


def _spread(values: list[int]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    at = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
    found: dict[str, float] = {name: ordered[round(share * (len(ordered) - 1))] for name, share in at.items()}
    return {"mean": round(sum(ordered) / len(ordered), 1), **found}
