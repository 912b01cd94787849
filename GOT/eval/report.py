"""Scores to something to read: a table in the terminal, report.json, report.md and scores.jsonl.

Nothing here depends on the time or the machine, so that a second run of the same answers writes the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from GOT.eval.evaluation import Evaluation, Group
from GOT.eval.published import TABLES, PublishedRow
from GOT.eval.scores import LOWER_IS_BETTER, MODES, StreamRow
from GOT.utils.io import write_json, write_text

# Shown in tables, in this order; the rest is in report.json.
SHOWN = (
    "cer",
    "edit_distance",
    "f1",
    "precision",
    "recall",
    "bleu",
    "meteor",
    "exact_match",
    "picture_match",
    "teds",
    "teds_structure",
    "rouge_l",
    "accuracy",
    "map_strict",
    "map_slight",
    "map_high",
    "em",
    "structure_accuracy",
)
MODE_NOTES = {
    "strict": "roles right, nothing dropped, an empty or failed answer scored as worst: the headline",
    "compat": "as the published tools compute it (roles exchanged, sets of words, empty answers dropped), to compare",
}


@dataclasses.dataclass(frozen=True)
class Report:
    """A run's scores with what is known about the run.

    Attributes:
        title: The benchmark.
        model: What was read with, or the file of predictions.
        evaluation: The scores.
        published: Key of ``published.TABLES``.
        notes: About the benchmark.
    """

    title: str
    model: str
    evaluation: Evaluation
    published: str = ""
    notes: tuple[str, ...] = ()

    @property
    def all_notes(self) -> list[str]:
        """Notes of the benchmark and of the scores."""
        return [*self.notes, *self.evaluation.notes]

    @property
    def peers(self) -> list[PublishedRow]:
        """Published rows of this benchmark."""
        return TABLES.get(self.published, [])


def write_report(report: Report, out: Path) -> None:
    """Write report.json, report.md, report.html and scores.jsonl into ``out``."""
    from GOT.eval.report_html import to_html

    write_json(out / "report.json", to_json(report))
    write_text(out / "report.md", to_markdown(report))
    write_text(out / "report.html", to_html(report))
    lines = [
        json.dumps(
            {
                "index": scored.record.index,
                "image": scored.record.image,
                "question": scored.record.question,
                "group": scored.record.group,
                "status": scored.answer.status,
                "scores": {
                    stream: {"strict": score.strict, "compat": score.compat}
                    for stream, score in scored.scores.items()
                },
            },
            ensure_ascii=False,
        )
        for scored in report.evaluation.records
    ]
    write_text(out / "scores.jsonl", "".join(line + "\n" for line in lines))


def to_json(report: Report) -> dict[str, Any]:
    """Every number of the report, by group, stream and mode."""
    return {
        "benchmark": report.title,
        "model": report.model,
        "modes": MODE_NOTES,
        "notes": report.all_notes,
        "groups": [_group_json(group) for group in report.evaluation.groups],
        "failed": failed_records(report.evaluation),
        "published": [dataclasses.asdict(row) for row in report.peers],
    }


def failed_records(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Records that could not be read, each with the reason."""
    return [
        {"index": scored.record.index, "image": scored.record.image, "error": scored.answer.error}
        for scored in evaluation.records
        if scored.answer.status == "failed"
    ]


def to_text(report: Report) -> str:
    """The table for the terminal."""
    lines = [f"{report.title}, read with {report.model}", ""]
    header, rows = table(report)
    lines += _aligned([header, *rows])
    lines += ["", *(f"{mode}: {MODE_NOTES[mode]}" for mode in MODES)]
    lines += [f"note: {note}" for note in report.all_notes]
    return "\n".join(lines) + "\n"


def to_markdown(report: Report) -> str:
    """The same tables in Markdown, the published numbers below ours."""
    header, rows = table(report)
    lines = [f"# {report.title}", "", f"Read with {report.model}.", "", *_pipes(header, rows), ""]
    lines += [f"- **{mode}**: {MODE_NOTES[mode]}" for mode in MODES]
    lines += [f"- {note}" for note in report.all_notes]
    if report.peers:
        header, rows = peer_table(report)
        lines += [
            "",
            "## Beside published results",
            "",
            "Ours in `compat`, as the published numbers were made.",
            "",
        ]
        lines += _pipes(header, rows)
    if failed := failed_records(report.evaluation):
        lines += ["", "## Could not be read", ""]
        lines += [f"- record {record['index']}, `{record['image']}`: {record['error']}" for record in failed]
    return "\n".join(lines) + "\n"


def table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Header and rows: each group, stream and mode with its counts and the metrics that occur."""
    groups = report.evaluation.groups
    names = [
        name
        for name in SHOWN
        if any(
            name in (values or {})
            for group in groups
            for row in group.rows
            for values in (row.strict, row.compat)
        )
    ]
    header = ["", "mode", "n_total", "n_scored", "n_empty", "n_invalid", *map(label, names)]
    rows = []
    for group in groups:
        if not group.rows:
            rows.append(
                [
                    group.name,
                    "read only",
                    str(group.num_records),
                    "-",
                    str(group.num_empty),
                    str(group.num_failed),
                ]
            )
            rows[-1] += [""] * len(names)
        for row in group.rows:
            for mode in MODES:
                rows.append(_table_row(group, row, mode, names))
    return header, rows


def peer_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Header and rows of published results, with ours in compat mode first."""
    names = list(dict.fromkeys(name for row in report.peers for name in row.values))
    rows = []
    for group in report.evaluation.groups:
        ours: dict[str, float] = {}
        for row in group.rows:
            prefix = f"{row.name}/" if row.name else ""
            ours |= {f"{prefix}{name}": value for name, value in (row.compat or {}).items()}
        if group.rows:
            rows.append(
                [f"**{report.model}** ({group.name}, ours)", "", *(_number(ours.get(name)) for name in names)]
            )
    rows += [
        [row.model, row.size, *(_as_published(row.values.get(name)) for name in names)]
        for row in report.peers
    ]
    return ["model", "size", *map(label, names)], rows


def label(name: str) -> str:
    """A metric's heading; an arrow where less is better."""
    return name.replace("_", " ") + (" ↓" if name.rpartition("/")[2] in LOWER_IS_BETTER else "")


def _table_row(group: Group, row: StreamRow, mode: str, names: Sequence[str]) -> list[str]:
    values: Mapping[str, float] = (row.strict if mode == "strict" else row.compat) or {}
    name = f"{group.name} / {row.name}" if row.name else group.name
    scored = row.n_total if mode == "strict" else row.n_scored
    counts = [str(count) for count in (row.n_total, scored, row.n_empty, row.n_invalid)]
    return [
        name if mode == MODES[0] else "",
        mode,
        *counts,
        *(_number(values.get(metric)) for metric in names),
    ]


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "metric": group.metric,
        "n_records": group.num_records,
        "n_failed": group.num_failed,
        "n_empty": group.num_empty,
        "streams": [
            {
                "stream": row.name,
                "n_total": row.n_total,
                "n_scored": row.n_scored,
                "n_empty": row.n_empty,
                "n_invalid": row.n_invalid,
                "strict": row.strict,
                "compat": row.compat,
            }
            for row in group.rows
        ],
    }


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:g}"


def _as_published(value: float | None) -> str:
    """Three decimals, or four where four are published."""
    return _number(value).removesuffix("0") if value is not None and abs(value) < 10 else _number(value)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _pipes(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", "---", *["---:"] * (len(header) - 2)]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in (header, rule, *rows)]
