r"""Pages to one LaTeX document that compiles: text escaped, formulas and tables native, figures as what they are.

A formula is written as LaTeX only if it is balanced and every command in it is one that ``formula`` and TeX know; the
rest is verbatim. So a page cannot make TeX read a file, and a slip of the model cannot stop it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

from GOT.render import nodes
from GOT.render.formula import TooComplex, convert
from GOT.render.inline import parse_inline
from GOT.render.latex import is_balanced, match_braces
from GOT.render.latex_preamble import UNKNOWN, math_character, preamble_of, text_character
from GOT.render.nodes import Block, Grid, Inline
from GOT.render.page import RenderPage
from GOT.render.tabular import grid_to_latex
from GOT.render.tikz.tex import is_allowed
from GOT.render.walk import blocks_of, is_address

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "\u00a0": "~",
    "\u2009": r"\,", "\u2003": r"\quad{}", "\u2002": r"\enspace{}",
}  # fmt: skip
_SECTIONS = {
    1: "section*",
    2: "section*",
    3: "subsection*",
    4: "subsubsection*",
    5: "paragraph*",
    6: "subparagraph*",
}
_STYLES = {
    "strong": "textbf",
    "em": "textit",
    "u": "underline",
    "s": "sout",
    "sub": "textsubscript",
    "sup": "textsuperscript",
}
# Known to `formula`, but they name files or addresses, or define.
_KEPT_OUT = re.compile(
    r"\\(?:includegraphics|href|url|verb|DeclareMathOperator|class|style|cssId|htmlClass|ce|cf|chemfig|set)(?![A-Za-z])"
)
# Environments that amsmath allows inside \[ \]; the others stand on their own.
_INNER = frozenset(
    "aligned gathered alignedat split cases dcases rcases array matrix pmatrix bmatrix Bmatrix vmatrix "
    "Vmatrix smallmatrix".split()
)
_OUTER = frozenset(
    "align align* gather gather* equation equation* multline multline* flalign flalign* eqnarray eqnarray*".split()
)
_ALSO = frozenset(("alignat", "alignat*", "subarray", "tabular"))  # what else formulas hold
_HOLDS_TEXT = re.compile(r"\\(?:text[a-z]*|[mhf]box|framebox|(?:short)?intertext|tag)\*?\s*\{")
_GROUPS = {"abstract": "abstract", "quote": "quote", "quotation": "quote", "center": "center"}
_MAX_NESTED = 3
_MAX_LISTS = 4  # in each other; LaTeX counts quotes, too, and has no more
_COUNTERS = ("enumi", "enumii", "enumiii", "enumiv")


def to_latex(pages: Sequence[RenderPage]) -> bytes:
    """One document; each page starts on a new one, with a label."""
    anchors = [f"\\hypertarget{{{page.anchor}}}{{}}%\n" if len(pages) > 1 else "" for page in pages]
    parts = [f"{anchor}{page_to_latex(page)}\n" for anchor, page in zip(anchors, pages, strict=True)]
    body = "\n\\newpage\n".join(parts)
    return f"{preamble_of(body)}\\begin{{document}}\n{body}\\end{{document}}\n".encode("utf-8", "replace")


def page_to_latex(page: RenderPage) -> str:
    """One page's answer, without a preamble."""
    if not page.has_markup:
        return "\\\\\n".join(
            _no_option(escape(line.strip())) or "\\null" for line in page.text.strip().split("\n")
        )
    return _blocks(blocks_of(page))


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(
        _ESCAPES.get(character) or text_character(character)
        for character in unicodedata.normalize("NFC", text)
        if character >= " " or character == "\n"
    )


def is_safe_formula(latex: str) -> bool:
    """Whether TeX may be given a formula: balanced, and nothing in it but known mathematics."""
    if "%" in latex or "#" in latex or "^^" in latex or not is_balanced(latex) or _KEPT_OUT.search(latex):
        return False
    # `convert` alone passes over what stands in text, labels and lengths; TeX would run it there, too.
    words = re.sub(r"\\[^A-Za-z]", " ", latex)  # a line end, say, with a letter behind it
    names = set(re.findall(r"\\([A-Za-z]+)", words)) - {"begin", "end"}
    environments = re.findall(r"\\(?:begin|end)(?![A-Za-z])(?:\s*\{([A-Za-z]+\*?)\})?", words)
    if not all(_is_known(name) for name in names) or not (_INNER | _OUTER | _ALSO).issuperset(environments):
        return False
    try:
        return not convert(latex).unknown
    except TooComplex:
        return False


@functools.lru_cache(maxsize=4096)
def _is_known(name: str) -> bool:
    """Whether ``formula`` knows a command on its own, and TeX with ``latex_preamble``."""
    return name in ("left", "right") or not (name in UNKNOWN or convert(f"\\{name}").unknown)


def _no_option(made: str) -> str:
    """What may stand behind a line end or an ``item``, which take a bracket or a star for their own."""
    return f"{{{made[0]}}}{made[1:]}" if made.startswith(("[", "*")) else made


def _blocks(blocks: Sequence[Block], around: str = "") -> str:
    """``around``: a letter for each list (``i``, ``e``) and quote (``q``) that these blocks stand in."""
    return "\n\n".join(text for block in blocks if (text := _block(block, around)))


def _block(block: Block, around: str) -> str:
    match block:
        case nodes.Heading(0, children):
            return f"\\begin{{center}}\\LARGE {_inlines(children)}\\end{{center}}"
        case nodes.Heading(level, children):
            return f"\\{_SECTIONS[level]}{{{_inlines(children)}}}"
        case nodes.Paragraph(children, role):
            text = _inlines(children)
            return (
                f"\\begin{{center}}{text}\\end{{center}}" if role in ("author", "date", "caption") else text
            )
        case nodes.FormulaBlock(latex):
            return _display(latex)
        case nodes.Table(grid, _):
            return f"\\begin{{center}}\n{_table(grid, 0)}\n\\end{{center}}"
        case nodes.Figure("tikz", source) if is_allowed(source.strip()):
            return f"\\begin{{center}}\n{source.strip()}\n\\end{{center}}"
        case nodes.Figure(_, source) | nodes.CodeBlock(source):
            return _verbatim(source)
        case nodes.ListBlock():
            return _list(block, around)
        case nodes.Group(kind, children):
            name = _GROUPS.get(kind)
            if name is None or len(around) >= _MAX_LISTS:
                return _blocks(children, around)
            return f"\\begin{{{name}}}\n{_blocks(children, around + 'q')}\n\\end{{{name}}}"
        case nodes.Rule():
            return "\\par\\noindent\\hrulefill\\par"


def _list(block: nodes.ListBlock, around: str) -> str:
    ordered = block.start is not None
    first = block.start or 0
    if len(around) >= _MAX_LISTS:
        marks = (f"{first + place}." if ordered else "\\textbullet{}" for place in range(len(block.items)))
        return "\n\n".join(
            f"{mark} {_blocks(item, around)}" for mark, item in zip(marks, block.items, strict=True)
        )
    name = "enumerate" if ordered else "itemize"
    counter = _COUNTERS[around.count("e")]
    start = f"\\setcounter{{{counter}}}{{{first - 1}}}" if ordered and first != 1 else ""
    inside = around + name[0]
    body = "\n".join(f"\\item {_no_option(_blocks(item, inside))}" for item in block.items)
    return f"\\begin{{{name}}}{start}\n{body}\n\\end{{{name}}}"


def _inlines(children: Sequence[Inline], depth: int = 0) -> str:
    return "".join(_inline(node, depth) for node in children)


def _inline(node: Inline, depth: int) -> str:
    match node:
        case nodes.Text(text):
            return escape(text)
        case nodes.Styled(style, children):
            inner = _inlines(children, depth)
            return f"\\{_STYLES[style]}{{{inner}}}" if style in _STYLES else inner
        case nodes.Code(text) | nodes.Molecule(text):
            return _code(text)
        case nodes.Formula(latex, _):
            return f"\\({_math(latex)}\\)" if is_safe_formula(latex) else _code(latex)
        case nodes.Link(url, children):
            words = _inlines(children, depth)
            return f"\\href{{{escape(url)}}}{{{words}}}" if is_address(url) else words
        case nodes.Picture(url, alt):
            return escape(f"[Picture: {alt or url}]")
        case nodes.Break():
            return "\\newline\n" if not depth else " "
        case nodes.Nested(grid):
            return (
                _table(grid, depth + 1)
                if depth < _MAX_NESTED
                else escape(" ".join(c.text for c in grid.cells))
            )


def _table(grid: Grid, depth: int) -> str:
    def cell(source: str) -> str:
        # Cells of plain columns take no line ends of their own.
        made = _inlines(parse_inline(source, depth=2 * depth), depth + 1).replace("\n", " ")
        return _no_option(made)

    return grid_to_latex(grid, cell)


def _display(latex: str) -> str:
    if not is_safe_formula(latex):
        return _verbatim(latex)
    latex = _math(latex)
    name = re.match(r"\\begin\{([A-Za-z]+\*?)\}", latex)
    if name and name[1] in _OUTER and latex.endswith(f"\\end{{{name[1]}}}"):
        return latex
    if "\\\\" in latex and not (name and name[1] in _INNER):
        latex = (
            f"\\begin{{gathered}}\n{latex}\n\\end{{gathered}}"
            if "&" not in latex
            else f"\\begin{{aligned}}\n{latex}\n\\end{{aligned}}"
        )
    tag = re.search(r"\\tag\*?\{[^{}]*\}", latex)
    if tag:  # a tag belongs to the equation, not to the lines in it
        latex = re.sub(r"\s*\\tag\*?\{[^{}]*\}", "", latex)
        return f"\\begin{{equation*}}\n{latex}\n{tag[0]}\n\\end{{equation*}}"
    return f"\\[\n{latex}\n\\]"


def _math(latex: str) -> str:
    """A formula in one paragraph, its characters as names where TeX has them in mathematics only."""
    latex = re.sub(r"\n\s*\n", "\n", unicodedata.normalize("NFC", latex.strip()))
    if latex.isascii():
        return latex
    braces = match_braces(latex)
    texts = [(found.end(), braces.get(found.end() - 1, 0)) for found in _HOLDS_TEXT.finditer(latex)]
    return "".join(
        text_character(character)  # with its mathematics around it
        if any(begin <= place < end for begin, end in texts)
        else math_character(character) or text_character(character)
        for place, character in enumerate(latex)
    )


def _code(text: str) -> str:
    words = re.sub(r"\s*\n\s*", " ", text)  # a paragraph's end would end the command, too
    return f"\\texttt{{{escape(words)}}}"


def _verbatim(text: str) -> str:
    # The environment ends at its own name wherever it stands.
    lines = text.strip("\n").replace("\\end{verbatim}", "\\end {verbatim}")
    return "\\begin{verbatim}\n" + lines + "\n\\end{verbatim}"
