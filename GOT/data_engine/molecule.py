"""Molecules: a random structure to its drawing (RDKit, Indigo for a second look) and canonical SMILES, the answer."""

from __future__ import annotations

import dataclasses
import io
import os
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from PIL import Image

from GOT.data.prompt import build_question
from GOT.data_engine.attempts import check_choice, first_accepted, is_on_side
from GOT.data_engine.fonts import Split
from GOT.data_engine.molecule_grammar import random_smiles
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.settings import build_settings, check_range
from GOT.utils.lazy import require

PALETTES = ("default", "black", "avalon", "cdk")  # RDKit's own; black is what printed articles have

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class MoleculeSettings:
    """How molecules grow and look.

    Attributes:
        atoms: Fewest and most heavy atoms.
        stereo: Chance that stereocentres get a configuration (double bonds always do).
        charges: Chance of a salt or a charged group.
        renderer: ``rdkit`` or ``indigo``.
        size: Pixels of a square picture's side.
        split: Molecules of this side of the held-out split only; ``None``: both.
    """

    atoms: Range = (4, 32)
    stereo: float = 0.3
    charges: float = 0.08
    renderer: Literal["rdkit", "indigo"] = "rdkit"
    size: Range = (300, 700)
    split: Split | None = "train"

    def __post_init__(self) -> None:
        check_range("atoms", self.atoms, 1, 200)
        check_range("size", self.size, 64, 4000)
        check_choice("renderer", self.renderer, ("rdkit", "indigo"))


def sample(index: int, seed: int, **changes: Any) -> Sample:
    """Draw one molecule sample.

    Args:
        index: Number of the sample.
        seed: Seed of the run.
        changes: Fields of :class:`MoleculeSettings`.

    Raises:
        ValueError: For a setting that does not exist or cannot be met.
        ImportError: If RDKit (or Indigo, when asked for) is missing; the message says what brings it.
        Rejected: If no attempt became a sample.
    """
    settings = build_settings(MoleculeSettings(), changes, kind="molecule")

    def draw(rng: np.random.Generator) -> Sample:
        smiles = canonical_smiles(
            _with_stereo(rng, random_smiles(rng, settings.atoms, settings.charges), settings)
        )
        if not is_on_side("molecule/" + smiles, settings.split):
            raise Rejected(f"a molecule of the other side of the split than {settings.split}")
        side = int(rng.integers(int(settings.size[0]), int(settings.size[1]) + 1))
        if settings.renderer == "indigo":
            picture, meta = _draw_by_indigo(rng, smiles, side)
        else:
            picture, meta = _draw_by_rdkit(rng, smiles, side)
        return Sample((picture,), build_question("format"), to_target(smiles), {"smiles": smiles, **meta})

    return first_accepted("molecule", index, seed, draw)


def to_target(smiles: str) -> str:
    """The answer: SMILES between the marks of Mathpix markdown."""
    return f"<smiles>{smiles}</smiles>"


def canonical_smiles(smiles: str) -> str:
    """The one spelling of a molecule that RDKit always chooses.

    Raises:
        Rejected: If it is no molecule: impossible valences, broken rings.
    """
    chem = require("rdkit.Chem", extra="synth")
    with _quiet():
        molecule = chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise Rejected(f"RDKit takes {smiles!r} for no molecule")
    return str(chem.MolToSmiles(molecule))


def _with_stereo(rng: np.random.Generator, smiles: str, settings: MoleculeSettings) -> str:
    """The same molecule with a random configuration.

    Double bonds always get one, because a drawing always shows one; stereocentres (wedges) some of the time, then all.
    """
    chem = require("rdkit.Chem", extra="synth")
    isomers = require("rdkit.Chem.EnumerateStereoisomers", extra="synth")
    with _quiet():
        molecule = chem.MolFromSmiles(smiles)
        if molecule is None:
            raise Rejected(f"RDKit takes {smiles!r} for no molecule")
        options = isomers.StereoEnumerationOptions(maxIsomers=1, unique=True, rand=int(rng.integers(2**31)))
        isomer = next(iter(isomers.EnumerateStereoisomers(molecule, options=options)), molecule)
    if rng.random() >= settings.stereo:
        for atom in isomer.GetAtoms():
            atom.SetChiralTag(chem.ChiralType.CHI_UNSPECIFIED)
    return str(chem.MolToSmiles(isomer))


def _draw_by_rdkit(rng: np.random.Generator, smiles: str, side: int) -> tuple[Image.Image, dict[str, Any]]:
    chem = require("rdkit.Chem", extra="synth")
    drawing = require("rdkit.Chem.Draw.rdMolDraw2D", extra="synth")
    molecule = chem.MolFromSmiles(smiles)
    aspect = float(rng.uniform(0.6, 1.0))
    drawer = drawing.MolDraw2DCairo(side, max(64, int(side * aspect)))
    options = drawer.drawOptions()
    palette = str(rng.choice(PALETTES, p=(0.35, 0.4, 0.15, 0.1)))
    if palette == "black":
        options.useBWAtomPalette()
    elif palette == "avalon":
        options.useAvalonAtomPalette()
    elif palette == "cdk":
        options.useCDKAtomPalette()
    options.bondLineWidth = float(rng.uniform(1.0, 3.0))
    options.scaleBondWidth = bool(rng.random() < 0.3)
    options.rotate = float(rng.uniform(0, 360))
    options.padding = float(rng.uniform(0.03, 0.12))
    options.multipleBondOffset = float(rng.uniform(0.12, 0.2))
    options.minFontSize = 10
    options.explicitMethyl = bool(rng.random() < 0.15)
    options.additionalAtomLabelPadding = float(rng.uniform(0.0, 0.12))
    options.addStereoAnnotation = False
    if rng.random() < 0.2:
        color = tuple(float(value) for value in rng.uniform(0.9, 1.0, size=3))
        options.setBackgroundColour(color)
    drawing.PrepareAndDrawMolecule(drawer, molecule, kekulize=bool(rng.random() < 0.9))
    drawer.FinishDrawing()
    picture = Image.open(io.BytesIO(drawer.GetDrawingText())).convert("RGB")
    version = require("rdkit", extra="synth").__version__
    return picture, {"renderer": f"rdkit {version}", "palette": palette}


def _draw_by_indigo(rng: np.random.Generator, smiles: str, side: int) -> tuple[Image.Image, dict[str, Any]]:
    indigo, renderer = _indigo(os.getpid())
    indigo.resetOptions()
    indigo.setOption("render-output-format", "png")
    indigo.setOption("render-image-size", side, max(64, int(side * rng.uniform(0.6, 1.0))))
    indigo.setOption("render-background-color", "1.0, 1.0, 1.0")
    indigo.setOption("render-margins", 12, 12)
    indigo.setOption("render-stereo-style", "none")  # no "Chiral", no "abs" on the picture
    indigo.setOption("render-coloring", bool(rng.random() < 0.5))
    indigo.setOption("render-relative-thickness", float(rng.uniform(0.8, 1.6)))
    indigo.setOption("render-label-mode", str(rng.choice(["terminal-hetero", "hetero"])))
    indigo.setOption("render-implicit-hydrogens-visible", True)
    molecule = indigo.loadMolecule(smiles)
    if rng.random() < 0.5:
        molecule.dearomatize()
    molecule.layout()
    picture = Image.open(io.BytesIO(renderer.renderToBuffer(molecule))).convert("RGB")
    return picture, {"renderer": f"indigo {indigo.version()}", "palette": "indigo"}


@lru_cache(maxsize=2)
def _indigo(process: int) -> tuple[Any, Any]:
    indigo = require("indigo", extra="synth").Indigo()
    return indigo, require("indigo.renderer", extra="synth").IndigoRenderer(indigo)


def _quiet() -> Any:
    """RDKit prints to stderr what we reject on purpose."""
    return require("rdkit.rdBase", extra="synth").BlockLogs()
