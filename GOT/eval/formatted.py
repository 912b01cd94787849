"""Score formatted pages: the text, the formulas and the tables each as a stream of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from GOT.eval.formula import exact_share
from GOT.eval.plain import compat_text, cut_words, strict_text, warm_up
from GOT.eval.scores import PageScore, Pair, Scored, StreamScore, average, map_pages
from GOT.eval.table_notation import find_tables, locate_tables
from GOT.eval.tables import page_teds

STREAMS = ("text", "formula", "table")

# The published tool's patterns. Without DOTALL a formula that spans lines is not seen, which is Mathpix's usual layout.
_COMPAT_INLINE = re.compile(r"\\\((.*?)(?<!\\)\\\)")
_COMPAT_DISPLAY = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
_COMPAT_TABLE = re.compile(r"\\begin\{tabular\}(.+?)(?:\\end\{tabular\}|$)", re.DOTALL)

# A dollar opens before no blank, and closes behind none and before no digit, so that prices are words.
_FORMULA = re.compile(
    r"(?<!\\)\\\((?P<inline>.+?)(?<!\\)\\\)|(?<!\\)\\\[(?P<display>.+?)(?<!\\)\\\]|(?<![\\$])\$\$(?P<dollars>.+?)(?<!\\)\$\$"
    r"|(?<![\\$])\$(?!\s)(?P<dollar>(?:[^$\\\n]|\\.|\n(?!\s*\n))+?)(?<!\s)\$(?!\d)"
    r"|\\begin\{(?P<name>equation|align|gather|multline|eqnarray)(?P<star>\*?)\}(?P<body>.+?)\\end\{(?P=name)(?P=star)\}",
    re.DOTALL,
)


def score_formatted(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Score formatted pages, one row of averages for each stream."""
    warm_up(pairs)
    pages = map_pages(_score_page, pairs, workers=workers)
    return Scored([average(pairs, pages, stream) for stream in STREAMS], pages)


def compat_split(page: str) -> dict[str, str]:
    """The streams of one page as the published tool cuts them.

    The text is the whole page, formulas and tables included; inline formulas come before displayed ones, with nothing
    between the two groups; a table without an end runs to the end of the page.

    Source:
        pyevaltools/eval_ocr_format.py of Ucas-HaoranWei/GOT-OCR2.0.
    """
    formulas = "\n".join(_COMPAT_INLINE.findall(page)) + "\n".join(_COMPAT_DISPLAY.findall(page))
    return {"text": page.strip(), "formula": formulas, "table": "\n".join(_COMPAT_TABLE.findall(page))}


def strict_split(page: str) -> tuple[str, list[str], list[str]]:
    r"""Text without formulas and tables; the formulas in reading order; the tables.

    Formulas may span lines, and may be written ``\( \)``, ``\[ \]``, ``$ $``, ``$$ $$`` or as an environment; tables
    as LaTeX, HTML or Markdown, so that other models' answers are read as well as GOT's.
    """
    tables, pieces, position = [], [], 0
    for start, end, _ in locate_tables(page):
        tables.append(page[start:end].strip())
        pieces.append(page[position:start])
        position = max(position, end)
    page = "\n".join([*pieces, page[position:]])
    formulas = [_formula_body(match) for match in _FORMULA.finditer(page)]
    text = _FORMULA.sub(" ", page)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line), formulas, tables


def _score_page(pair: Pair) -> PageScore:
    label, answer = compat_split(pair.reference), compat_split(pair.prediction)
    compat = {stream: compat_text(label[stream], answer[stream], cut_words) for stream in STREAMS}

    text, formulas, tables = strict_split(pair.reference)
    our_text, our_formulas, our_tables = strict_split(pair.prediction)
    strict = {"text": strict_text(Pair(text, our_text, pair.failed))}
    # The reference decides which pages count, so that every model is divided by the same number.
    if formulas:
        strict["formula"] = strict_text(Pair("\n".join(formulas), "\n".join(our_formulas), pair.failed))
        strict["formula"]["exact_match"] = exact_share(reference=formulas, prediction=our_formulas)
    if tables:
        strict["table"] = strict_text(Pair("\n".join(tables), "\n".join(our_tables), pair.failed))
        theirs, ours = (
            [table for text in texts for table in find_tables(text)] for texts in (tables, our_tables)
        )
        strict["table"]["teds"] = page_teds(reference=theirs, prediction=ours)
    return {
        stream: StreamScore(compat[stream][0], strict.get(stream), note=compat[stream][1])
        for stream in STREAMS
    }


def _formula_body(match: re.Match[str]) -> str:
    groups = match.groupdict()
    body = next(
        groups[name]
        for name in ("inline", "display", "dollars", "dollar", "body")
        if groups[name] is not None
    )
    return " ".join(body.split())
