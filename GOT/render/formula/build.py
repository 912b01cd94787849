"""Parts of formulas to MathML elements: rows, scripts, fences, tables, spaces."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from GOT.render.elements import append, element

_BRACES_BESIDE = ("⏟", "⏞", "⎵", "⎴", "⏝", "⏜")  # what scripts stand below or above of
_TIGHT = {"lspace": "0", "rspace": "0"}


def row(parts: list[Element]) -> Element:
    """One element of several."""
    return parts[0] if len(parts) == 1 else append(Element("mrow"), *parts)


def operator(character: str, *, stretchy: bool | None = None) -> Element:
    """An operator; brackets are given whether they grow with what they hold."""
    return element("mo", None if stretchy is None else {"stretchy": str(stretchy).lower()}, character)


def tight(character: str) -> Element:
    """A bracket, bar or slash of its natural size, without the space that operators have around them."""
    return element("mo", {"stretchy": "false", **_TIGHT}, character)


def space(em: float) -> Element:
    """A horizontal space."""
    return element("mspace", {"width": f"{em:.3g}em"})


def fenced(opening: str, parts: list[Element], closing: str) -> Element:
    """Parts between brackets that grow with them; ``""`` for a side without one."""
    fence = {"fence": "true", "stretchy": "true", "symmetric": "true", **_TIGHT}
    begin = element("mo", fence | {"form": "prefix"}, opening) if opening else None
    end = element("mo", fence | {"form": "postfix"}, closing) if closing else None
    return element("mrow", {"class": "fenced"}, begin, *parts, end)


def scripted(base: Element, below: Element | None, above: Element | None, limits: bool | None) -> Element:
    """A base with scripts; ``limits`` says whether they stand above and below it, ``None``: as the base has it."""
    stacked = limits if limits is not None else _takes_limits(base)
    if below is not None and above is not None:
        return element("munderover" if stacked else "msubsup", None, base, below, above)
    if below is not None:
        return element("munder" if stacked else "msub", None, base, below)
    assert above is not None
    return element("mover" if stacked else "msup", None, base, above)


def _takes_limits(base: Element) -> bool:
    if base.tag == "mo":
        return base.get("movablelimits") == "true"
    if base.tag in ("munder", "mover") and len(base) == 2:  # \underbrace{...}_{n}
        return (base[1].text or "") in _BRACES_BESIDE or base[0].get("stretchy") == "true"
    return base.tag == "mrow" and len(base) == 1 and _takes_limits(base[0])


def primed(primes: str, above: Element | None) -> Element | None:
    """A superscript with primes before it."""
    if not primes:
        return above
    mark = element("mo", _TIGHT, primes)
    return mark if above is None else element("mrow", None, mark, above)


def table(
    rows: list[list[list[Element]]], aligns: list[str], *, spaced: bool = True, lines: bool = False
) -> Element:
    """Rows of cells; ``aligns`` is repeated over the columns of aligned equations (``spaced=False``)."""
    made = element("mtable", {"class": ("matrix" if spaced else "aligned") + (" ruled" if lines else "")})
    if not spaced:
        made.set("displaystyle", "true")
    for cells in rows:  # short rows stay short: filling up a hostile table would be quadratic
        line = element("mtr")
        for column, cell in enumerate(cells):
            repeated = not spaced or len(aligns) == 1
            side = aligns[column % len(aligns)] if repeated else aligns[min(column, len(aligns) - 1)]
            # MathML Core leaves alignment to CSS; other readers know columnalign.
            append(line, append(element("mtd", {"columnalign": side, "class": side}), *cell))
        made.append(line)
    return made


def joined(made: Element) -> Element:
    r"""Write the letters of ``\mathrm{max}`` as one word."""
    if made.tag != "mrow" or not len(made):
        return made
    word = Element("mrow", made.attrib)
    for child in made:
        last = word[-1] if len(word) else None
        if child.tag == "mi" and last is not None and last.tag == "mi" and not len(child):
            last.text = (last.text or "") + (child.text or "")
        else:
            word.append(child)
    return word[0] if len(word) == 1 else word


def flatten(made: Element) -> str:
    """The characters of a tree, thin spaces for spaces."""
    if made.tag == "mspace":
        return "\u2009"
    return (made.text or "") + "".join(flatten(child) for child in made)
