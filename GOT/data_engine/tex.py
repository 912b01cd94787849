"""LaTeX fragments to pictures: many fragments in one pdflatex run, one page each, because starting TeX costs most.

One broken fragment must not spoil the others: what is visibly unbalanced never reaches TeX, an error that TeX reports
is put down to the fragment it happened in, and a run whose pages do not add up is halved until the culprit is alone.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image

from GOT.data_engine.sample import Rejected

POINTS_PER_INCH = 72.0  # of PDF pages
SECONDS_PER_RUN = 120
MARK = "@@fragment "
# Each fragment is a page as large as itself: no page layout, no cropping afterwards.
_DOCUMENT = r"""\nonstopmode
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{%(packages)s}
\newbox\fragment
\newdimen\border \border=%(border)spt
\pdfcompresslevel=0 \pdfobjcompresslevel=0
\begin{document}\setlength{\parindent}{0pt}
%(fragments)s
\end{document}
"""
_FRAGMENT = r"""\typeout{%(mark)s%(number)d}
\setbox\fragment=\hbox{%(body)s}
\pdfpagewidth=\dimexpr\wd\fragment+2\border\relax
\pdfpageheight=\dimexpr\ht\fragment+\dp\fragment+2\border\relax
\pdfhorigin=\border \pdfvorigin=\border
\shipout\vbox{\box\fragment}
"""
_CONTROL = re.compile(
    r"\\begin\{([^{}]*)\}|\\end\{([^{}]*)\}|\\(left|right)(?![A-Za-z])|\\.|[{}$%]", re.DOTALL
)


def render_fragments(
    fragments: Sequence[str],
    *,
    packages: Sequence[str] = ("amsmath", "amssymb", "lmodern"),
    ppi: float | Sequence[float] = 144.0,
    border: float = 2.0,
) -> list[Image.Image | Rejected]:
    """Typeset fragments and rasterise them.

    Args:
        fragments: LaTeX for horizontal mode, e.g. ``$\\displaystyle …$`` or a ``tabular``.
        packages: Packages to load.
        ppi: Pixels per inch, of all or of each.
        border: White around each fragment, in points.

    Returns:
        For each fragment its RGB picture, or a :class:`Rejected` with TeX's complaint.

    Raises:
        FileNotFoundError: If there is no pdflatex, or a package of it is missing.
    """
    results: list[Image.Image | Rejected] = [Rejected("not drawn")] * len(fragments)
    scales = [ppi] * len(fragments) if isinstance(ppi, int | float) else list(ppi)
    sound = []
    for place, fragment in enumerate(fragments):
        fault = find_fault(fragment)
        if fault:
            results[place] = Rejected(f"{fault} in {fragment[:80]!r}")
        else:
            sound.append(place)
    _render_into(results, fragments, sound, tuple(packages), scales, border)
    return results


def find_fault(fragment: str) -> str:
    """What TeX could not recover from: unbalanced braces, dollars, environments, fences; ``""`` if nothing."""
    open_things: list[str] = []
    dollars = 0
    for match in _CONTROL.finditer(fragment):
        begin, end, fence = match.groups()
        token = match.group()
        dollars += token == "$"
        if token == "%":
            return "a comment (write \\\\%)"
        if begin is not None or token == "{" or fence == "left":
            open_things.append(begin if begin is not None else token)
        elif end is not None or token == "}" or fence == "right":
            wanted = end if end is not None else "{" if token == "}" else r"\left"
            if not open_things or open_things.pop() != wanted:
                return f"{token} closes nothing"
    if open_things:
        return f"{open_things[-1]} is not closed"
    return "an odd number of $" if dollars % 2 else ""


@functools.lru_cache(maxsize=1)
def renderer_version() -> str:
    """``"pdfTeX 3.14…"``, for a sample's meta."""
    first = subprocess.run(
        [_pdflatex(), "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    return first.strip()


def _pdflatex() -> str:
    found = shutil.which("pdflatex")
    if found is None:
        raise FileNotFoundError(
            "There is no pdflatex on this machine: apt-get install texlive-latex-extra texlive-pictures lmodern,"
            " or keep the default renderer."
        )
    return found


def _render_into(
    results: list[Image.Image | Rejected],
    fragments: Sequence[str],
    places: list[int],
    packages: tuple[str, ...],
    scales: list[float],
    border: float,
) -> None:
    if not places:
        return
    source = _DOCUMENT % {
        "packages": ",".join(packages),
        "border": border,
        "fragments": "".join(
            _FRAGMENT % {"mark": MARK, "number": place, "body": fragments[place]} for place in places
        ),
    }
    pdf, log = _run(source)
    _check_packages(log)
    complaints = _complaints(log)
    pictures = _rasterise(pdf, [scales[place] for place in places]) if pdf else []
    if len(pictures) == len(places):
        for place, picture in zip(places, pictures, strict=True):
            results[place] = Rejected(f"TeX: {complaints[place]}") if place in complaints else picture
    elif len(places) == 1:
        results[places[0]] = Rejected(f"TeX: {complaints.get(places[0], 'no page came out')}")
    else:
        middle = len(places) // 2
        for half in (places[:middle], places[middle:]):
            _render_into(results, fragments, half, packages, scales, border)


def _run(source: str) -> tuple[bytes, str]:
    command = [_pdflatex(), "-no-shell-escape", "-interaction=nonstopmode", "batch.tex"]
    # TeX may read its own tree and this folder, and write this folder; dates do not reach the file.
    environment = {
        **os.environ,
        "openin_any": "p",
        "openout_any": "p",
        "SOURCE_DATE_EPOCH": "0",
        "max_print_line": "1000",
    }
    with tempfile.TemporaryDirectory(prefix="got-tex-") as folder:
        (Path(folder) / "batch.tex").write_text(source, encoding="utf-8")
        try:
            subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS_PER_RUN,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return b"", ""
        pdf, log = Path(folder) / "batch.pdf", Path(folder) / "batch.log"
        return (
            pdf.read_bytes() if pdf.exists() else b"",
            log.read_text(encoding="utf-8", errors="replace") if log.exists() else "",
        )


def _check_packages(log: str) -> None:
    missing = re.search(r"! LaTeX Error: File `([^']+)' not found", log)
    if missing:
        raise FileNotFoundError(
            f"TeX has no {missing[1]}: apt-get install texlive-latex-extra texlive-pictures lmodern."
        )


def _complaints(log: str) -> dict[int, str]:
    """The first error of each fragment, from the lines after its mark."""
    found: dict[int, str] = {}
    number = None
    for line in log.splitlines():
        if line.startswith(MARK):
            number = int(line[len(MARK) :])
        elif line.startswith("! ") and number is not None:
            found.setdefault(number, line[2:])
    return found


def _rasterise(pdf: bytes, scales: list[float]) -> list[Image.Image]:
    try:
        document = pdfium.PdfDocument(pdf)
    except pdfium.PdfiumError:
        return []
    try:
        if len(document) != len(scales):
            return []
        return [
            page.render(scale=ppi / POINTS_PER_INCH).to_pil().convert("RGB")
            for page, ppi in zip(document, scales, strict=True)
        ]
    finally:
        document.close()
