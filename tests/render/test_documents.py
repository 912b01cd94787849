"""Pages to files of every format."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from GOT.render import FORMATS, RenderPage, check_formats, convert, worker
from GOT.render.formula import commands, constructs, symbols
from GOT.render.latex_preamble import preamble_of
from GOT.render.latex_writer import is_safe_formula
from tests.helpers import count_steps, grows_linearly
from tests.render.payloads import PAYLOADS, answers
from tests.render.test_drawings import CHART, SCORE, TRIANGLE

ANSWER = r"""# Title \(x\)

Some **bold**, *slanted* & <b>more</b>; $5.

\[
a=\frac{1}{2} \tag{1}
\]

\begin{tabular}{|l|c|}
\hline \multicolumn{2}{|c|}{\(\alpha\)} \\
\hline a & b \\
\hline
\end{tabular}

1. one
2. two
"""
PNG = b"\x89PNG\r\n\x1a\n"


def pages() -> list[RenderPage]:
    return [
        RenderPage(
            "paper.pdf", 1, ANSWER, picture=PNG, meta={"question": "OCR with format: ", "status": "ok"}
        ),
        RenderPage("paper.pdf", 2, SCORE),
        RenderPage("paper.pdf", 3, TRIANGLE, meta={"status": "truncated"}),
        RenderPage("paper.pdf", 4, "<smiles>CCO</smiles>"),
        RenderPage("paper.pdf", 5, CHART),
        RenderPage("paper.pdf", 6, "plain *text* $x$\n# two", has_markup=False),
        RenderPage("paper.pdf", 7, ""),
    ]


def test_every_format_writes_every_kind() -> None:
    for kind in FORMATS:
        if kind == "docx":
            pytest.importorskip("docx")
        assert len(convert(pages(), kind)) > 500, kind
        assert convert([], kind) is not None


def test_unknown_formats_and_missing_libraries_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    with pytest.raises(
        ValueError, match="There is no format 'pdf'; choose from docx, html, json, md, tex, txt"
    ):
        convert(pages(), "pdf")
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(ImportError, match=r'pip install "got-ocr\[render\]"'):
        check_formats(["txt", "docx"])


def test_html_is_one_file_with_anchors_that_loads_nothing() -> None:
    made = convert(pages(), "html").decode()
    assert made.startswith("<!DOCTYPE html>")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in made
    assert "<script" not in made and "@import" not in made
    assert all(address.startswith(("data:", "#")) for address in re.findall(r'(?:href|src)="([^"]*)"', made))
    assert [int(number) for number in re.findall(r'<section id="page-(\d+)"', made)] == list(range(1, 8))
    assert made.count('href="#page-') == 7
    assert "the end is missing" in made
    assert "plain *text* $x$\n# two" in made


def test_pictures_without_numbers_have_anchors_of_their_own() -> None:
    made = convert([RenderPage("a", None, "x"), RenderPage("b", None, "y")], "html").decode()
    assert re.findall(r'<section id="([^"]*)"', made) == ["page-1", "page-2"]


def test_json_keeps_the_raw_answer() -> None:
    page = RenderPage("a", 1, "clean", meta={"status": "ok"}, raw="raw -\n1")
    listed = json.loads(convert([page, RenderPage("a", 2, "same")], "json"))["pages"]
    assert listed[0] == {"status": "ok", "page": 1, "text": "raw -\n1", "clean_text": "clean"}
    assert listed[1] == {"page": 2, "text": "same"}


def test_text_is_the_answer_as_it_is() -> None:
    assert convert(pages()[5:6], "txt").decode() == "plain *text* $x$\n# two\n"


def test_markdown_is_read_back_by_a_parser() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    made = convert(pages(), "md").decode()
    read = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(made)
    assert "<h1>Title $x$</h1>" in read
    assert "<strong>bold</strong>, <em>slanted</em> &amp; <strong>more</strong>; $5." in read
    assert '<th colspan="2">$\\alpha$</th>' in read
    assert 'class="language-tikz"' in read and 'class="language-kern"' in read
    assert "plain *text* $x$<br />\n# two" in read
    assert read.count('<a id="page-') == 7


def test_markdown_of_hostile_text_is_text() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    hostile = [
        "<script>alert(1)</script>",
        "[a](javascript:x)",
        "![p](http://e/x.png)",
        "<img src=x onerror=y>",
        "&lt;b&gt;",
        "```\n</code><script>",
        "$<img src=x onerror=y>$ and $$<script>alert(1)</script>$$",
        "| a |\n|---|\n| $<img src=x>$ |",
    ]
    for text in hostile:
        for has_markup in (False, True):
            made = convert([RenderPage("a", 1, text, has_markup=has_markup)], "md").decode()
            read = markdown_it.MarkdownIt("commonmark", {"html": True}).render(made)
            assert not re.search(r"<(?:script|img|a)\b", read), (text, made)


@pytest.mark.parametrize(
    "text",
    [
        "Total\n==",
        "Total\n=",
        "Total\n--",
        "Name | Qty\n--- | ---\na | 1",
        "a\n\n    b\n\n\tc\n  d",
        "+\n-\n+ -",
        "~~~\na\n~~~",
    ],
)
def test_markdown_of_plain_lines_is_lines(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    made = convert([RenderPage("a", 1, text, has_markup=False)], "md").decode()
    read = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(made)
    assert set(re.findall(r"</?(\w+)", read)) <= {"p", "br"}, read
    assert html.unescape(re.sub(r"<[^>]*>", "", read)).split() == text.split()


def test_dollars_in_a_formula_stay_as_long_as_they_do_not_end_it() -> None:
    made = convert([RenderPage("a", 1, r"\(5\$ \text{for $n$}\)")], "md").decode()
    assert made == "$5\\$ \\text{for n}$\n"


def test_latex_is_a_document_with_nothing_of_the_page_that_runs() -> None:
    made = convert(pages(), "tex").decode()
    assert made.count("\\begin{document}") == made.count("\\end{document}") == 1
    assert "\\begin{equation*}\na=\\frac{1}{2}\n\\tag{1}\n\\end{equation*}" in made
    assert "\\multicolumn{2}{|c|}{\\(\\alpha\\)}" in made
    assert "\\hypertarget{page-7}" in made
    hostile = r"""\input{/etc/passwd} \(\input{x}\) \[\write18{rm}\] $\includegraphics{/etc/passwd}$ \( a % \) b

\end{verbatim}\input{y}

\begin{tikzpicture}\input{z}\end{tikzpicture}

```
\end{verbatim}\input{w}
```
"""
    made = convert([RenderPage("a", 1, hostile)], "tex").decode().partition("\\begin{document}")[2]
    outside = re.sub(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", made, flags=re.DOTALL)
    assert not re.search(r"\\(?:input|write|includegraphics)(?![A-Za-z])", outside)
    assert "textbackslash{}input" in outside


@pytest.mark.parametrize(
    "place",
    (
        r"\text{%s}",
        r"\tag{%s}",
        r"\label{%s}",
        r"\hspace{%s}",
        r"\color{%s}x",
        r"\\[%s]",
        r"\begin{array}{>{%s}c}a\end{array}",
        r"\begin{aligned}[%s]a\end{aligned}",
    ),
)
def test_formulas_hide_no_command_in_an_argument(place: str) -> None:
    for hidden in (r"\input{/etc/passwd}", r"\write18{id}", r"\csname input\endcsname{x}", r"\def\x{1}"):
        assert not is_safe_formula(place % hidden)
    assert not is_safe_formula(r"\begin{filecontents}x\end{filecontents}")
    assert is_safe_formula(r"\begin{aligned} a\\b &\leq \text{caf\'e \& \textit{b}} \end{aligned} \tag{1}")


def test_brackets_and_stars_behind_line_ends_are_text_in_latex() -> None:
    plain = RenderPage("a", 1, "a\n[1] b\n* c", has_markup=False)
    assert "a\\\\\n{[}1] b\\\\\n{*} c\n" in convert([plain], "tex").decode()
    assert "\\item {[}1] b" in convert([RenderPage("a", 1, "- [1] b\n- c")], "tex").decode()


def test_tables_left_open_in_each_other_take_linear_time() -> None:
    def work(times: int) -> int:
        text = "\\begin{tabular}{c}" * (50 * times)
        return count_steps(lambda: convert([RenderPage("a", 1, text)], "md"), "GOT")

    assert grows_linearly(work)


@pytest.mark.parametrize(
    "block",
    [
        *("a\n\n", "# a\n", "- a\n", "[a](http://b/{n}) ", "| a |\n|---|\n| b |\n\n"),
        *("<smiles>{c}</smiles>\n\n", SCORE + "\n"),
    ],
)
def test_each_block_of_a_word_document_takes_the_same_time(
    block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    docx = pytest.importorskip("docx")
    drawn = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    pictures = iter(range(1, 1000))

    def draw(tool: str, **request: object) -> str:
        return drawn if tool != "resvg" else base64.b64encode(png(next(pictures))).decode()

    def look_at_all(*arguments: object, **named: object) -> None:
        raise AssertionError("this looks at all of the document, and its C code is not counted")

    monkeypatch.setattr(worker, "ask", draw)
    monkeypatch.setattr(docx.blkcntnr.BlockItemContainer, "add_paragraph", look_at_all)
    monkeypatch.setattr(docx.parts.story.StoryPart, "next_id", property(look_at_all))

    def work(times: int) -> int:
        text = "".join(block.format(n=n, c="C" * (n + 1)) for n in range(20 * times))
        return count_steps(lambda: convert([RenderPage("a", 1, text)], "docx"), "GOT", "docx")

    work(1)  # imports
    assert grows_linearly(work)


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), (shade % 256, shade // 256, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_page_of_a_word_document_is_marked_above_its_first_block() -> None:
    pytest.importorskip("docx")
    made = convert([RenderPage("a", 1, "one"), RenderPage("a", 2, "two\n\nthree")], "docx")
    xml = zipfile.ZipFile(io.BytesIO(made)).read("word/document.xml").decode()
    found = re.findall(r'page_\d|<w:t>(?:\w+)|w:type="page"', xml)
    assert found == ["page_1", "<w:t>one", 'w:type="page"', "page_2", "<w:t>two", "<w:t>three"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_compiles(tmp_path: Path) -> None:
    without_multirow = ANSWER.replace("\\multirow", "")
    hostile = [text for payload in PAYLOADS[::6] for text in answers(payload).values() if text.isascii()]
    listed = [
        *pages()[:1],
        *(RenderPage("a", 2, text) for text in [without_multirow, CHART, SCORE, *hostile]),
    ]
    (tmp_path / "a.tex").write_bytes(convert(listed, "tex"))
    command = ["pdflatex", "-no-shell-escape", "-interaction=batchmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL, timeout=100, check=False)
    log = (tmp_path / "a.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[log.find("\n!") :][:600]
    assert (tmp_path / "a.pdf").is_file()


def pdflatex(source: bytes, folder: Path) -> str:
    """What pdflatex says; it stops at the first error."""
    (folder / "a.tex").write_bytes(source)
    command = ["pdflatex", "-interaction=batchmode", "-halt-on-error", "-no-shell-escape", "a.tex"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    return (folder / "a.log").read_text(encoding="utf-8", errors="replace")


NESTED = "".join(f"\\begin{{itemize}}\\item level {depth} " for depth in range(7)) + "\\end{itemize}" * 7
COUNTED = "- a\n  3. b\n     - c\n       7. d\n          1. e\n"
COMPILED = {
    "commands": r"\(\mathscr{L} \bm{x} 90\degree 90^\degree a \coloneqq \argmax_x \cancel{x} \norm{x}+\abs{y} \bra{a} "
    r"\xmapsto{a} \diag \rank \nicefrac12 \mathds{1} \llbracket a \rrbracket\) \(\color{red} x\) \(\xlongequal{a}\)",
    "rules": r"\[\begin{array}{l}\toprule a\\ \midrule b\\ \bottomrule\end{array}\]",
    "accents": r"caf\'e \v{c} \d{a} \b{x} e" + "\u0301",
    "characters": "✓ α − ₁₂ x⁴ ♦ 😀 ☃ ≤ ∑ ′ ℝ \u200b · Ω Жук ﬁ § ½ √2 → ⟨a⟩",
    "formula": "\\(α_1 ≤ \\frac α 2 − x′ ₂ \\text{β ☃ é}\\) \\(x^α \\bar β ☃\\)",
    "verbatim": "```\nα ☃ ✓ −\n```",
    "lists": NESTED + "\n\n" + COUNTED,
    "quotes": "\n".join("> " * depth + f"quote {depth}\n" for depth in range(1, 9)),
    "title": "\\title{A `code\n\nspan` and \\unknown}\n\n# B `c\nd` α",
}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
@pytest.mark.parametrize("name", COMPILED)
def test_what_models_write_compiles(name: str, tmp_path: Path) -> None:
    made = convert([RenderPage("a", 1, COMPILED[name])], "tex")
    assert "\n!" not in pdflatex(made, tmp_path), made.decode()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_every_command_that_formulas_may_hold_is_defined(tmp_path: Path) -> None:
    tables = (
        symbols.IDENTIFIERS, symbols.OPERATORS, symbols.FENCES, symbols.LIMIT_OPERATORS, symbols.INTEGRALS,
        symbols.FUNCTIONS, symbols.LIMIT_FUNCTIONS, symbols.ACCENTS, symbols.UNDER_ACCENTS, symbols.SPACES,
        symbols.ALPHABET_COMMANDS, symbols.ALPHABET_SWITCHES, constructs.CONSTRUCTS, commands.SILENT,
        commands.DROP_ARGUMENT,
    )  # fmt: skip
    names = {name.rstrip("*") for table in tables for name in table}
    names = {name for name in names if name.isalpha() and is_safe_formula(f"\\{name}")}
    assert len(names) > 600
    asked = "".join(f"\\ifcsname {name}\\endcsname\\else\\typeout{{LACKS {name};}}\\fi\n" for name in names)
    all_of_them = preamble_of("".join(f"\\{name} " for name in names))
    log = pdflatex(f"{all_of_them}\\begin{{document}}\n{asked}x\\end{{document}}".encode(), tmp_path)
    assert re.findall(r"LACKS (\w+);", log) == [] and "Output written" in log


def test_lists_count_in_their_own_level() -> None:
    made = convert([RenderPage("a", 1, COUNTED)], "tex").decode()
    assert "\\setcounter{enumi}{2}" in made and "\\setcounter{enumii}{6}" in made
    made = convert([RenderPage("a", 1, NESTED)], "tex").decode()
    assert made.count("\\begin{itemize}") == 4 and "\\textbullet{} level 6" in made  # the fifth is flat


def test_characters_of_mathematics_are_names_in_latex() -> None:
    made = convert([RenderPage("a", 1, "is α: \\(\\frac α 2 ≤ \\text{β}\\), ☃")], "tex").decode()
    assert r"is \ensuremath{\alpha}: \(\frac \alpha  2 \leq  \text{\ensuremath{\beta}}\), ☃" in made
    assert r"\spare{☃}{2603}{\fbox{\tiny 2603}}" in made


def test_word_has_native_formulas_tables_and_pictures() -> None:
    docx = pytest.importorskip("docx")
    made = convert(pages(), "docx")
    document = docx.Document(io.BytesIO(made))
    xml = zipfile.ZipFile(io.BytesIO(made)).read("word/document.xml").decode()
    assert document.paragraphs[0].style.name == "Heading 1" and document.paragraphs[0].text.startswith(
        "Title"
    )
    assert xml.count("<m:oMath>") + xml.count(":oMath>") >= 3 and "fPr" not in xml.partition("½")[0][:0]
    assert [[cell.text for cell in row.cells] for row in document.tables[0].rows] == [["", ""], ["a", "b"]]
    assert 'w:gridSpan w:val="2"' in xml
    assert xml.count("w:bookmarkStart") == 7 and 'w:name="page_7"' in xml
    assert re.search(r"num>.*?1.*?den>.*?2", xml, re.DOTALL)
    assert [row.cells[0].text for row in document.tables[1].rows] == ["X", "p", "q"]
    if all(map(__import__("GOT.utils.lazy", fromlist=["x"]).is_available, ("verovio", "resvg_py", "rdkit"))):
        assert len(document.inline_shapes) == 4


def test_word_spans_reach_down() -> None:
    docx = pytest.importorskip("docx")
    table = r"\begin{tabular}{ll} \multirow{2}{*}{a} & b \\ & c \\ \end{tabular}"
    document = docx.Document(io.BytesIO(convert([RenderPage("a", 1, table)], "docx")))
    made = document.tables[0]
    assert made.cell(0, 0).text == made.cell(1, 0).text == "a"
    assert made.cell(1, 1).text == "c"
