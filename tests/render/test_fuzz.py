"""Random and mutated answers in every format: nothing crashes, nothing hangs, every file is well-formed."""

from __future__ import annotations

import json
import random
import time
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from GOT.render import RenderPage, convert, render
from GOT.render.clean import CLEANERS, balance, clean
from GOT.render.latex import is_balanced
from GOT.render.tikz import tex
from GOT.utils.lazy import is_available
from tests.render.payloads import PAYLOADS, answers
from tests.render.test_documents import pages
from tests.render.test_tabular import SPANS

SECONDS = 5.0
SEEDS = (
    [page.text for page in pages()]
    + [SPANS]
    + [text for payload in PAYLOADS[::9] for text in answers(payload).values()]
)
PIECES = (
    *(
        r"\begin{tabular}{|l|c|} \end{tabular} \\ & \hline \cline{1-2} \multirow{2}{*}{ \multicolumn{3}{c}{ } { \( "
        r"\) \[ \] $ $$ \left( \right) \left \right. \frac \sqrt[ _ ^ ' \begin{aligned} \end{aligned} \begin{cases} "
        r"\text{ \tag{ \title{ \section{ \item \begin{itemize} \end{itemize} \begin{tikzpicture} \end{tikzpicture} "
        r"\draw (0,0) -- (1,1) ; node{ \foreach \x in {1,...,9} plot [domain=0:1] circle (1) arc (0:90:1) **kern *- "
        r"*^ *v 4c . = !!! <smiles> </smiles> CCO c1ccccc1 { # - 1. > ``` ** <b> </b> < \" ' : , a | word 中文 ，"
    ).split(),
    *(
        "\n",
        "\n\n",
        "\t",
        " ",
        "| a | b |\n|---|---|\n",
        '{"title": "',
        '"values": {',
        "9" * 30,
        "(" * 30,
        "{" * 30,
    ),
    *("\u202e", "\x00", "\ud800", "\ufffe", "e\u0301", "\\"),  # turns the writing, and is no text at all
)


class Nesting(HTMLParser):
    """Insists that elements close in order."""

    VOID = ("meta", "br", "hr", "img", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(autouse=True)
def no_tex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tex, "find_pdflatex", lambda: None)


def make_answer(rng: random.Random) -> str:
    """Pieces in any order, or an answer with a few of its parts moved, doubled, lost or replaced."""
    if rng.random() < 0.3:
        return "".join(rng.choice(PIECES) + rng.choice(("", " ")) for _ in range(rng.randint(1, 60)))
    text = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 1, 2, 5, 20)))
        piece = rng.choice((rng.choice(PIECES), text[start:end] * 2, "", "", chr(rng.randrange(32, 0x250))))
        text = text[:start] + piece + text[end:]
    return text[: rng.randrange(len(text) + 1)] if rng.random() < 0.2 else text


def check(text: str, number: int) -> float:
    """Every format of one answer; returns the seconds it took."""
    started = time.monotonic()
    cleaned = clean(text, CLEANERS)
    for answer in {text, cleaned}:
        page = RenderPage("fuzz", 1, answer)
        html = convert([page], "html").decode()
        for kind in ("md", "tex"):
            convert([page], kind)
        json.loads(convert([page], "json"))
        if number % 40 == 0 and is_available("docx"):
            convert([page], "docx")
        parser = Nesting()
        parser.feed(html)
        parser.close()
        assert parser.open == []
        assert "<script" not in html
    return time.monotonic() - started


def run(count: int, seed: int) -> float:
    slowest = 0.0
    for number in range(count):
        text = make_answer(random.Random(f"{seed}-{number}"))
        try:
            seconds = check(text, number)
        except Exception as error:
            raise AssertionError(f"answer {number} of seed {seed}: {text!r}") from error
        if seconds > SECONDS:  # what hangs hangs twice; a busy machine does not
            seconds = check(text, number)
        slowest = max(slowest, seconds)
        assert seconds < SECONDS, f"answer {number} of seed {seed} took {seconds:.1f} s: {text!r}"
    return slowest


def test_a_few_hundred_answers() -> None:
    run(300, seed=1)


@pytest.mark.parametrize("scripts", ["_a" * 2000, "_{0}" * 150, "^2_a" * 300])
def test_chained_scripts_in_every_format(scripts: str) -> None:
    check(rf"\(x{scripts}\) and $$ x{scripts} $$", number=0)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(10, 20))
def test_a_hundred_thousand_answers(seed: int) -> None:
    run(10_000, seed=seed)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join))
def test_any_text_is_rendered_and_balanced(text: str) -> None:
    assert render(text) == render(text)
    assert is_balanced(balance(text))
    assert balance(balance(text)) == balance(text)
