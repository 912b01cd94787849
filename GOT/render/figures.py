"""The kinds that are drawn, by name: each has ``matches(text)``, ``to_element(text)`` for HTML and ``draw(text)``."""

from __future__ import annotations

from GOT.render import chart, kern, smiles, tikz

FIGURES = {"kern": kern, "tikz": tikz, "smiles": smiles, "chart": chart}
