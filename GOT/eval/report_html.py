"""report.html: the worst pages first, picture beside coloured character diff. One file, no script, no network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from GOT.eval.evaluation import ScoredRecord
from GOT.eval.report_style import STYLE
from GOT.eval.scores import MODES
from GOT.utils.lazy import require
from GOT.utils.log import get_logger

if TYPE_CHECKING:
    from GOT.eval.report import Report

logger = get_logger(__name__)

WORST_PAGES = 40  # shown with picture and diff; the others are in scores.jsonl
PICTURE_SIDE = 900  # pixels, the longer side
MAX_PICTURES = 4  # pages of a multi-page record that are shown

# Nothing may load or run, whatever a page or an answer says; pictures and styles are in the file itself.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def to_html(report: Report) -> str:
    """The whole report as one page."""
    from GOT.eval.report import MODE_NOTES, peer_table, table

    header, rows = table(report)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(report.title)}</title><style>{STYLE}</style></head><body>",
        f'<h1>{_text(report.title)}</h1><p class="soft">Read with {_text(report.model)}.</p>',
        _table(header, rows, [row[1] for row in rows]),
        "<ul>",
        *(f"<li><b>{mode}</b>: {_text(MODE_NOTES[mode])}</li>" for mode in MODES),
        *(f"<li>{_text(note)}</li>" for note in report.all_notes),
        "</ul>",
    ]
    if report.peers:
        peer_header, peer_rows = peer_table(report)
        classes = ["ours" if row[0].startswith("**") else "" for row in peer_rows]
        peer_rows = [[row[0].replace("**", ""), *row[1:]] for row in peer_rows]
        parts += [
            "<h2>Beside published results</h2>",
            '<p class="soft">Ours in compat mode, as those were made.</p>',
        ]
        parts.append(_table(peer_header, peer_rows, classes))
    worst = sorted(report.evaluation.records, key=lambda scored: (-scored.badness, scored.record.index))
    shown = worst[:WORST_PAGES]
    parts.append(f"<h2>The worst {len(shown)} of {len(worst)} records</h2>")
    parts += map(_record, shown)
    parts.append("</body></html>\n")
    return "\n".join(parts)


def diff_html(*, reference: str, prediction: str) -> str:
    """The page's text with what the answer left out, added and misread marked."""
    if not reference and not prediction:
        return '<span class="soft">(nothing)</span>'
    opcodes = require("rapidfuzz.distance.Levenshtein", extra="eval").opcodes(reference, prediction)
    pieces = []
    for operation in opcodes:
        theirs = _visible(reference[operation.src_start : operation.src_end], operation.tag != "equal")
        ours = _visible(prediction[operation.dest_start : operation.dest_end], operation.tag != "equal")
        if operation.tag == "equal":
            pieces.append(theirs)
        elif operation.tag == "delete":
            pieces.append(f"<del>{theirs}</del>")
        elif operation.tag == "insert":
            pieces.append(f"<ins>{ours}</ins>")
        else:
            pieces.append(f'<span class="swap"><s>{theirs}</s>{ours}</span>')
    return "".join(pieces)


def _record(scored: ScoredRecord) -> str:
    record, answer = scored.record, scored.answer
    values = " · ".join(
        f"{stream + ' ' if stream else ''}{name.replace('_', ' ')} {value:.3f}"
        for stream, score in scored.scores.items()
        for name, value in list((score.strict or {}).items())[:3]
    )
    asked = f'<span class="soft">asked: {_text(repr(answer.asked))}</span>' if answer.asked else ""
    if answer.status == "failed":
        reason = _text(answer.error or "could not be read")
        text = f"<p>{reason}</p><pre><del>{_visible(answer.label, False)}</del></pre>"
    elif not record.metric:
        text = f"<pre>{_visible(answer.answer, False)}</pre>"
    else:
        text = (
            '<p class="key"><del>left out</del> <ins>added</ins> <span class="swap"><s>page</s>read as</span></p>'
            f"<pre>{diff_html(reference=answer.label, prediction=answer.answer)}</pre>"
        )
    status = f'<span class="status {_text(answer.status)}">{_text(answer.status)}</span>'
    pictures = "".join(_pictures(record.images, record.page))
    return (
        f"<section><header><b>{_text(record.image)}</b>{status}"
        f'<span class="soft">{_text(values)}</span>{asked}</header>'
        f'<div class="pair"><figure>{pictures}</figure><div>{text}</div></div></section>'
    )


def _pictures(paths: Sequence[str], page: int | None) -> Iterable[str]:
    for path in paths[:MAX_PICTURES]:
        if data := _thumbnail(path, page):
            yield f'<img alt="{_text(Path(path).name)}" src="data:image/jpeg;base64,{data}">'
        else:
            yield f'<p class="soft">{_text(path)} cannot be shown.</p>'
    if len(paths) > MAX_PICTURES:
        yield f'<p class="soft">and {len(paths) - MAX_PICTURES} more pages</p>'


def _thumbnail(path: str, page: int | None) -> str:
    try:
        if page is not None:
            from GOT.inference.documents import PageRange, open_pages

            image = next(iter(open_pages([path], pages=PageRange.parse(str(page))))).image
            if image is None:
                return ""
        else:
            from GOT.data.image import open_image

            image = open_image(path)
    except (OSError, ValueError) as error:
        logger.debug("%s is not shown in the report: %s", path, error)
        return ""
    image.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str]) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in header)
    lines = []
    for name, row in zip(classes, rows, strict=True):
        cells = "".join(f"<td>{_text(cell)}</td>" for cell in row)
        lines.append(f'<tr class="{_text(name)}">{cells}</tr>')
    body = "".join(lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _visible(text: str, changed: bool) -> str:
    """Escaped text; where it differs, white space is made visible."""
    if changed:
        text = text.replace(" ", "␣").replace("\n", "⏎\n").replace("\t", "⇥")
    return _text(text)


def _text(text: str) -> str:
    # Half of a surrogate pair cannot be written as UTF-8, and control characters are not allowed in HTML.
    cleaned = "".join(
        "�" if "\ud800" <= char <= "\udfff" or (char < " " and char not in "\n\t") else char for char in text
    )
    return html.escape(cleaned, quote=True)
