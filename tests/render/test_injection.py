"""Pages that attack their reader, opened in a real browser: no script runs, no request leaves (faults S3 and S4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from GOT.render import RenderPage, convert, kern, tikz
from GOT.render.document import POLICY
from GOT.render.drawing import CannotDraw
from GOT.render.tikz import tex
from tests.render import browser
from tests.render.payloads import PAYLOADS, answers

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "a browser is here")

# What a reader could set off by a click or a touch; none of it may be in a page at all.
SUSPECTS = """
const found = [];
for (const node of document.querySelectorAll('*')) {
  const name = node.tagName;
  if (/^(script|iframe|object|embed|link|base|form|input|video|audio|foreignobject|animate|set|frame)$/i.test(name))
    found.push(name);
  for (const attribute of node.attributes) {
    if (/^on/i.test(attribute.name)) found.push(node.tagName + ' ' + attribute.name);
    if (/^(href|src|srcset|action|formaction|data|poster|xlink:href|style)$/i.test(attribute.name)
        && !/^(#|data:image\\/(png|jpeg);base64,)/.test(attribute.value))
      found.push(node.tagName + ' ' + attribute.name);
  }
}
return [window.hit || 0, found, document.querySelectorAll('section').length];
"""


@pytest.fixture
def no_tex(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for each drawing is for the slow tests."""
    monkeypatch.setattr(tex, "find_pdflatex", lambda: None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    with browser.Browser() as running:
        yield running


def test_the_trap_works(chromium: browser.Browser, tmp_path: Path) -> None:
    """Pasted as the released renderer pastes them, payloads run and ask: what the next tests would see."""
    ran = 0
    for number, payload in enumerate(PAYLOADS[:52:3]):
        page = tmp_path / f"{number}.html"
        page.write_text(f"<!DOCTYPE html><title>x</title><div>{payload}</div>", encoding="utf-8")
        chromium.open(page)
        ran += bool(chromium.run("return window.hit || 0"))
    assert ran >= 6
    assert chromium.listener.requests()


def test_no_script_runs_and_no_request_leaves(
    chromium: browser.Browser, tmp_path: Path, no_tex: None
) -> None:
    """Payloads in places of an answer, each payload in a fifth of them: with the policy, and without it."""
    check(chromium, tmp_path, every=5)


@pytest.mark.slow
def test_no_script_runs_wherever_it_stands(chromium: browser.Browser, tmp_path: Path) -> None:
    """Every payload in every place; geometry by TeX where it is."""
    check(chromium, tmp_path, every=1)


def check(chromium: browser.Browser, tmp_path: Path, *, every: int) -> None:
    asked = len(chromium.listener.requests())
    count = 0
    for start in range(0, len(PAYLOADS), every):  # as many payloads in a file as places are left out
        pages: list[RenderPage] = []
        for number, payload in enumerate(PAYLOADS[start : start + every], start=start):
            places = enumerate(answers(payload).values())
            texts = [payload, *(text for index, text in places if (index - number) % every == 0)]
            pages += [
                RenderPage(payload, len(pages) + index, text) for index, text in enumerate(texts, start=1)
            ]
            failed = {"question": "OCR: ", "status": "failed", "error": payload}
            pages.append(RenderPage(payload, len(pages) + 1, payload, meta=failed, has_markup=False))
        html = convert(pages, "html").decode()
        assert html.count(POLICY) == 1
        open_house = tmp_path / f"{start}.html"
        open_house.write_text(html.replace(POLICY, "img-src *"), encoding="utf-8")
        chromium.open(open_house)
        assert chromium.run(SUSPECTS) == [0, [], len(pages)], start
        count += len(pages)
    guarded = tmp_path / "all.html"
    guarded.write_bytes(
        convert([RenderPage("all", n, text) for n, text in enumerate(PAYLOADS, start=1)], "html")
    )
    chromium.open(guarded)
    assert chromium.run(SUSPECTS) == [0, [], len(PAYLOADS)]
    assert count >= 300
    assert chromium.listener.requests()[asked:] == []


def test_drawings_of_their_own_are_as_harmless(
    chromium: browser.Browser, tmp_path: Path, no_tex: None
) -> None:
    """An SVG file is a page to a browser."""
    asked = len(chromium.listener.requests())
    drawn = 0
    for number, payload in enumerate(PAYLOADS[::3]):
        made = answers(payload)
        module, text = ((kern, made["title of a score"]), (tikz, made["label of a drawing"]))[number % 2]
        try:
            svg = module.to_svg(text)
        except (CannotDraw, ImportError):
            continue
        path = tmp_path / f"{number}.svg"
        path.write_text(svg, encoding="utf-8")
        chromium.open(path)
        assert chromium.run(SUSPECTS)[:2] == [0, []], payload
        drawn += 1
    assert drawn > 10
    assert chromium.listener.requests()[asked:] == []
