"""The kinds that are drawn, by name: what ``figure`` shows as a drawing, or as its source with a note."""

from __future__ import annotations

from GOT.render import chart, kern, smiles, tikz

FIGURES = {"kern": kern, "tikz": tikz, "smiles": smiles, "chart": chart}
