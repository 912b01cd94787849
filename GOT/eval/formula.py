"""Score formulas: exact after normalising what does not change the picture, and by edit distance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from GOT.eval.plain import compat_text, cut_words, edit_distance, warm_up
from GOT.eval.scores import PageScore, Pair, Scored, StreamScore, average, map_pages

_TOKEN = re.compile(r"\\(?:[A-Za-z]+\*?|.)|[^\s]", re.DOTALL)
_DELIMITERS = (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$"))
# Spacing and sizing that change where ink stands by a hair, or not at all.
_INVISIBLE = frozenset(
    r"\, \; \: \! \quad \qquad \displaystyle \textstyle \limits \nolimits \nonumber \notag".split()
) | {"\\ ", "~"}
# Two spellings of one symbol.
_SYNONYMS = {
    r"\le": r"\leq", r"\ge": r"\geq", r"\ne": r"\neq", r"\to": r"\rightarrow", r"\gets": r"\leftarrow",
    r"\lbrace": r"\{", r"\rbrace": r"\}", r"\vert": "|", r"\Vert": r"\|", r"\land": r"\wedge", r"\lor": r"\vee",
    r"\lnot": r"\neg", r"\dfrac": r"\frac", r"\tfrac": r"\frac",
    r"\ldots": r"\dots", r"\operatorname*": r"\operatorname", r"\owns": r"\ni",
}  # fmt: skip
_SIZES = frozenset(r"\left \right \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl \biggr".split())


def score_formulas(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Score pages that hold one formula each."""
    warm_up(pairs)
    pages = map_pages(_score_page, pairs, workers=workers)
    return Scored([average(pairs, pages)], pages)


def normalize(formula: str) -> str:
    """One spelling for formulas that look alike: delimiters, spacing, sizes, redundant braces and synonyms go.

    Example:
        >>> normalize(r"\\( x^{2} \\le \\left( a \\right) \\)") == normalize(r"x^2\\leq(a)")
        True
    """
    symbols = [_SYNONYMS.get(symbol, symbol) for symbol in _TOKEN.findall(without_delimiters(formula))]
    kept = [
        symbol
        for before, symbol in zip(["", *symbols], symbols, strict=False)
        if symbol not in _INVISIBLE
        and symbol not in _SIZES
        and not (symbol == "." and before in (r"\left", r"\right"))  # an invisible delimiter
    ]
    return " ".join(_order_scripts(_drop_single_braces(_spell_out_primes(kept))))


def without_delimiters(formula: str) -> str:
    r"""The formula between ``\( \)``, ``\[ \]``, ``$ $`` or ``$$ $$``, without a final full stop or comma."""
    text = formula.strip().rstrip(".,").strip()
    for opening, closing in _DELIMITERS:
        if len(text) >= len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
            return text[len(opening) : len(text) - len(closing)].strip()
    return text


def exact_share(*, reference: Sequence[str], prediction: Sequence[str]) -> float:
    """Formulas that stand in both lists after :func:`normalize`, each counted once, over the longer list's length."""
    if not reference and not prediction:
        return 1.0
    ours, theirs = Counter(map(normalize, prediction)), Counter(map(normalize, reference))
    return sum((ours & theirs).values()) / max(len(reference), len(prediction))


def score_formula(pair: Pair) -> StreamScore:
    """Both modes' scores of one formula; strict compares the normalised spellings."""
    compat, note = compat_text(pair.reference, pair.prediction, cut_words)
    ours, theirs = normalize(pair.prediction), normalize(pair.reference)
    if pair.failed:
        strict = {"exact_match": 0.0, "edit_distance": 1.0}
    else:
        distance = edit_distance(reference=theirs, prediction=ours) if ours or theirs else 0.0
        strict = {"exact_match": float(ours == theirs), "edit_distance": distance}
    return StreamScore(compat, strict, note=note)


def _score_page(pair: Pair) -> PageScore:
    return {"": score_formula(pair)}


def _spell_out_primes(symbols: list[str]) -> list[str]:
    r"""``x'`` to ``x^{\prime}`` and ``x'^2`` to ``x^{\prime 2}``, which they are short for."""
    spelled: list[str] = []
    index = 0
    while index < len(symbols):
        if symbols[index] != "'":
            spelled.append(symbols[index])
            index += 1
            continue
        primes: list[str] = []
        while symbols[index : index + 1] == ["'"]:
            primes.append(r"\prime")
            index += 1
        script: list[str] = []
        if symbols[index : index + 1] == ["^"]:
            end = _script_end(symbols, index)
            script, index = symbols[index + 1 : end], end
        spelled += ["^", "{", *primes, *(script[1:-1] if script[:1] == ["{"] else script), "}"]
    return spelled


def _drop_single_braces(symbols: list[str]) -> list[str]:
    """``{x}`` around one symbol after ^ or _ or in an argument becomes ``x``, and so does ``{{x}}``."""
    kept: list[str] = []
    for symbol in symbols:
        kept.append(symbol)
        if symbol == "}" and kept[-3:-2] == ["{"] and kept[-2] not in ("{", "}"):
            kept[-3:] = [kept[-2]]
    return kept


def _order_scripts(symbols: list[str]) -> list[str]:
    """``x^2_i`` to ``x_i^2``: the order in which both scripts of one base are written shows nowhere."""
    ordered: list[str] = []
    index = 0
    while index < len(symbols):
        end = _script_end(symbols, index)
        if symbols[index] == "^" and symbols[end : end + 1] == ["_"]:
            last = _script_end(symbols, end)
            ordered += [*_order_scripts(symbols[end:last]), *_order_scripts(symbols[index:end])]
            index = last
        else:
            ordered.append(symbols[index])
            index += 1
    return ordered


def _script_end(symbols: list[str], index: int) -> int:
    """Where the script that starts at ``index`` ends: one symbol or a braced group after the ``^`` or ``_``."""
    depth = 0
    for place in range(index + 1, len(symbols)):
        depth += (symbols[place] == "{") - (symbols[place] == "}")
        if depth <= 0:
            return place + 1
    return len(symbols)
