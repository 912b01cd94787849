"""Answers to blocks and inline nodes, and to HTML."""

from __future__ import annotations

import time

import pytest

from GOT.render import RENDERERS, nodes, render
from GOT.render.blocks import parse_blocks
from GOT.render.elements import to_html
from GOT.render.figures import FIGURES
from GOT.render.inline import parse_inline
from GOT.render.nodes import Formula, Link, Molecule, Styled, Text


def test_a_page_of_mathpix_markdown() -> None:
    blocks = parse_blocks(
        "\\title{\nOn \\(x\\)\n}\n\\author{A and B}\n## Two\nSome **bold** text\nand more.\n\n\\[\na=b\n\\]\n\n"
        "- one\n- two\n\n1. first\n\n> said\n\n```\ncode\n```\n---\n| a | b |\n|---|--:|\n| 1 | 2 |\n"
    )
    assert [type(block).__name__ for block in blocks] == [
        "Heading", "Paragraph", "Heading", "Paragraph", "FormulaBlock", "ListBlock", "ListBlock", "Group", "CodeBlock",
        "Rule", "Table",
    ]  # fmt: skip
    assert blocks[0] == nodes.Heading(0, (Text("On "), Formula("x")))
    assert isinstance(blocks[-1], nodes.Table)
    assert [(cell.text, cell.align) for cell in blocks[-1].grid.cells[2:]] == [("1", "left"), ("2", "right")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "costs $5 and $10",
            (Text("costs $5 and $10"),),
        ),  # fault: the released renderer deletes every dollar
        (r"a \$5 note", (Text("a $5 note"),)),
        ("is $x$ here", (Text("is "), Formula("x"), Text(" here"))),
        (r"is \(x\)", (Text("is "), Formula("x"))),
        ("snake_case_name", (Text("snake_case_name"),)),
        ("2 * 3 * 4", (Text("2 * 3 * 4"),)),
        ("**b** *i*", (Styled("strong", (Text("b"),)), Text(" "), Styled("em", (Text("i"),)))),
        (r"\textbf{b} \& c", (Styled("strong", (Text("b"),)), Text(" & c"))),
        ("<smiles>CCO</smiles>", (Molecule("CCO"),)),
        ("<b>x</b><script>", (Styled("strong", (Text("x"),)), Text("<script>"))),
        (r"\href{http://a.b}{w}", (Link("http://a.b", (Text("w"),)),)),
        (r"caf\'e \unknown{x}", (Text("café \\unknown{x}"),)),
        (r"\alpha-decay", (Formula(r"\alpha"), Text("-decay"))),
        ("f(x) = {a, b}", (Text("f(x) = {a, b}"),)),
    ],
)
def test_lines(text: str, expected: tuple[object, ...]) -> None:
    assert parse_inline(text) == expected


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("# a", "a"),
        ("## C#", "C#"),
        ("# a ##  ", "a"),
        ("#", ""),
        ("### ###", ""),
        ("# a\t#", "a"),
        ("# # #", "#"),
    ],
)
def test_headings_lose_closing_hashes_behind_a_blank(line: str, title: str) -> None:
    (heading,) = parse_blocks(line)
    assert isinstance(heading, nodes.Heading) and heading.level == len(line.split()[0])
    assert heading.children == ((Text(title),) if title else ())


@pytest.mark.parametrize(
    "text",
    [
        "# a" + " " * 50_000 + "b",
        "# a" + " #" * 25_000 + "b",
        "| a |\n| -" + " " * 50_000 + "b",
        "| a |\n|" + "-" * 50_000 + "b|",
        "| a |\n" + "|-" * 25_000 + "b",
    ],
)
def test_long_lines_take_little_time(text: str) -> None:
    started = time.process_time()
    parse_blocks(text)
    assert time.process_time() - started < 2


def test_every_kind_has_a_renderer_that_claims_it() -> None:
    answers = {
        "kern": "**kern\n*clefG2\n4c\n*-\n",
        "tikz": "\\begin{tikzpicture}\\draw (0,0) -- (1,1);\\end{tikzpicture}",
        "smiles": "<smiles>CCO</smiles>",
        "chart": '{"title": "T", "values": {"a": "1"}}',
        "table": "\\begin{tabular}{l}a \\\\ \\end{tabular}",
        "markdown": "# Title\n\ntext",
    }
    assert answers.keys() == RENDERERS.keys()
    drawn = {f"{module.__name__}" for module in FIGURES.values()}
    assert drawn == {RENDERERS[name] for name in FIGURES} and RENDERERS.keys() - FIGURES.keys() == {
        "table",
        "markdown",
    }
    for name, module in FIGURES.items():
        assert to_html(module.to_element(answers[name])) == module.to_html(answers[name])
    import importlib

    for kind, answer in answers.items():
        claimed = [
            name for name, module in RENDERERS.items() if importlib.import_module(module).matches(answer)
        ]
        assert claimed[0] == kind, answer
        assert render(answer).startswith("<")


def test_blank_lines_and_blank_answers_are_fine() -> None:
    """Fault I6: a line of blanks raised IndexError in the released renderer."""
    for answer in (
        "",
        " ",
        "\n \n",
        "\t",
        "\\begin{tikzpicture}\n   \n\\draw (0,0) -- (1,1)\n\\end{tikzpicture}",
    ):
        render(answer)


def test_deep_nesting_is_shown_not_followed() -> None:
    for answer in (
        ">" * 5000 + "x",
        "- " * 3000 + "x",
        "\\textbf{" * 5000 + "x",
        "\\begin{itemize}\\item " * 2000 + "x",
    ):
        assert "x" in render(answer)


def test_text_of_a_page_is_text() -> None:
    made = render("</script><script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1))")
    assert "<script" not in made and "<img" not in made and "<a" not in made
    assert "&lt;script&gt;" in made
