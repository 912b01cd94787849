r"""TikZ by pdflatex, where there is TeX - and only for text from an allow-list.

The text was written by a model that reads strangers' pages, and TeX can read files: so every command, every word of an
option and every character must be on a list, or TeX does not see it (the painter draws it instead). On top of that: no
shell escape, no reading or writing outside an empty folder, limits on time, memory and output.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from GOT.render.drawing import CannotDraw

SECONDS = 4.0
MAX_CHARS = 20_000
MAX_BYTES = 20 << 20  # of any file that TeX writes

_COMMANDS = set(
    "begin end draw fill filldraw path node coordinate circ angle triangle alpha beta gamma delta theta phi "
    "varphi omega lambda mu pi "
    "rho sigma tau psi chi eta xi epsilon varepsilon Delta Omega Gamma Theta Sigma Pi frac dfrac sqrt text "
    "textbf textit mathrm mathbf "
    "mathit prime overline vec hat bar times cdot pm leq geq le ge neq perp parallel sim cong infty degree "
    "left right quad x y t "
    "scriptsize footnotesize small tiny large bfseries itshape sin cos tan log ln widehat overrightarrow "
    "square odot oplus ldots cdots".split()
)
_ENVIRONMENTS = {"tikzpicture", "scope"}
# Words that may stand outside labels: path operations, option names, colours, functions, units.
_WORDS = set(
    "to rectangle circle ellipse arc grid plot cycle node coordinate controls and at coordinates above below "
    "left right of "
    "line width thick thin very ultra semithick help lines dashed dotted densely loosely solid color draw "
    "fill text none opacity "
    "scale xscale yscale rotate shift xshift yshift domain samples smooth tension anchor north south east "
    "west center inner outer sep "
    "minimum size height font pos midway near start end sloped bend out in radius angle stealth latex rounded "
    "corners step "
    "black white red green blue cyan magenta yellow orange purple violet brown gray darkgray lightgray teal "
    "olive pink lime "
    "sin cos tan sqrt exp ln abs pi r pt cm mm em ex x y swap auto align baseline current bounding box".split()
)
_LABELS = re.compile(r"\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}")
# In options, only loop variables and sizes: a word of a label would stop TeX there.
_OPTION_COMMANDS = "x y t tiny scriptsize footnotesize small large bfseries itshape".replace(" ", "|")
_COMMAND_IN_OPTIONS = re.compile(rf"\[[^\[\]]*\\(?!(?:{_OPTION_COMMANDS})(?![A-Za-z]))")
_NAMES = re.compile(r"\([^()]*\)")


@functools.lru_cache(maxsize=1)
def find_pdflatex() -> str | None:
    """The path of ``pdflatex``; ``None`` where there is no TeX."""
    return shutil.which("pdflatex")


def is_allowed(text: str) -> bool:
    """Whether TeX may see this text: every command and every bare word is on the list."""
    if (
        len(text) > MAX_CHARS
        or not text.isascii()
        or re.search(r"[^\x20-\x7e\n\t]|\^\^|[#%&~@`\"]|\$\$|/\.", text)
    ):
        return False
    if text.count("\\begin{tikzpicture}") != 1 or not re.fullmatch(
        r"\s*\\begin\{tikzpicture\}.*\\end\{tikzpicture\}\s*", text, re.DOTALL
    ):
        return False
    if any(
        name not in _ENVIRONMENTS for name in re.findall(r"\\(?:begin|end)\s*\{([^{}]*)\}", text)
    ) or re.search(r"\\(?:begin|end)(?!\{)", text):
        return False
    if any(name not in _COMMANDS for name in re.findall(r"\\([A-Za-z]+)", text)) or re.search(
        r"\\(?![A-Za-z{},;: ])", text
    ):
        return False
    if text.count("{") != text.count("}") or text.count("[") != text.count("]") or text.count("$") % 2:
        return False
    if _COMMAND_IN_OPTIONS.search(text):
        return False
    bare = _NAMES.sub(" ", _LABELS.sub(" ", re.sub(r"\\(?:begin|end)\{[a-z]+\}", " ", text)))
    bare = re.sub(r"\\[A-Za-z]+", " ", bare)
    if any(word not in _WORDS for word in re.findall(r"[A-Za-z]+", bare)):
        return False
    # Braces after `=` or `plot` are values, not labels: their words count too.
    values = re.findall(r"(?:=|\bplot|coordinates|\(|,)\s*(\{[^{}]*\})", text)
    inside = re.findall(r"(?<![\\A-Za-z])[A-Za-z]+", " ".join(values))
    if any(word not in _WORDS for word in inside):
        return False
    samples = [int(number) for number in re.findall(r"samples\s*=\s*(\d+)", text)]
    return all(number <= 300 for number in samples) and all(
        len(digits) <= 6 for digits in re.findall(r"\d+", text)
    )


@functools.lru_cache(maxsize=32)
def typeset(text: str) -> bytes:
    """Typeset a ``tikzpicture``.

    Returns:
        A PDF of one page, as large as the drawing.

    Raises:
        CannotDraw: If there is no TeX, the text is not allowed, or TeX refuses it.
    """
    program = find_pdflatex()
    if program is None:
        raise CannotDraw("there is no TeX here")
    if not is_allowed(text):
        raise CannotDraw("it holds commands that TeX is not given")
    document = (
        "\\documentclass{article}\\usepackage{amsmath,amssymb,tikz}\\pagestyle{empty}\\parindent=0pt\n"
        "\\newsavebox\\drawing\\begin{document}\\begin{lrbox}{\\drawing}%\n"
        + text.strip()
        + "%\n\\end{lrbox}%\n"
        "\\pdfpagewidth=\\dimexpr\\wd\\drawing+8pt\\relax\\pdfpageheight=\\dimexpr\\ht\\drawing+\\dp\\drawing+8pt\\relax\n"
        "\\pdfhorigin=0pt\\pdfvorigin=0pt\\hoffset=0pt\\voffset=0pt\n"
        "\\shipout\\vbox{\\kern4pt\\hbox{\\kern4pt\\usebox\\drawing}}\n\\end{document}\n"
    )
    with tempfile.TemporaryDirectory(prefix="got-tikz-") as folder:
        Path(folder, "drawing.tex").write_text(document, encoding="ascii")
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": folder,
            "TEXMFVAR": folder,
            "openin_any": "p",  # paranoid: no file outside this folder and TeX's own trees
            "openout_any": "p",
            "shell_escape": "f",
        }
        command = [program, "-no-shell-escape", "-interaction=batchmode", "-halt-on-error", "drawing.tex"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                preexec_fn=_limit if sys.platform != "win32" else None,
                check=False,
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            raise CannotDraw("TeX took too long") from error
        made = Path(folder, "drawing.pdf")
        if done.returncode != 0 or not made.is_file():
            raise CannotDraw("TeX refuses it")
        return made.read_bytes()


def _limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS) + 1, int(SECONDS) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
