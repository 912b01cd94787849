"""Molecules: the answer is RDKit's canonical SMILES of the molecule that was drawn."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from GOT.data_engine import molecule
from GOT.data_engine.molecule_grammar import RINGS, _renumber, random_smiles
from GOT.data_engine.sample import Rejected, random_generator
from GOT.utils.lazy import is_available

pytestmark = pytest.mark.skipif(not is_available("rdkit"), reason="rdkit is not installed")
RENDERERS = [
    "rdkit",
    pytest.param(
        "indigo", marks=pytest.mark.skipif(not is_available("indigo"), reason="indigo is not installed")
    ),
]


def smiles_of(target: str) -> str:
    found = re.fullmatch(r"<smiles>(.+)</smiles>", target)
    assert found, target
    return found[1]


def test_answers_are_canonical():
    from rdkit import Chem

    for index in range(40):
        smiles = smiles_of(molecule.sample(index, 1, size=(80, 100)).target)
        assert Chem.MolToSmiles(Chem.MolFromSmiles(smiles)) == smiles


def test_the_picture_is_of_the_answer(monkeypatch):
    drawn = []
    draw = molecule._draw_by_rdkit
    monkeypatch.setattr(
        molecule, "_draw_by_rdkit", lambda rng, smiles, side: drawn.append(smiles) or draw(rng, smiles, side)
    )
    for index in range(5):
        assert smiles_of(molecule.sample(index, 2).target) == drawn[-1]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_drawings_have_ink_and_room_around(renderer):
    for index in range(8):
        picture = np.asarray(molecule.sample(index, 3, renderer=renderer).images[0].convert("L"))
        assert (picture < 160).any()
        edges = np.concatenate(
            [picture[:2].ravel(), picture[-2:].ravel(), picture[:, :2].ravel(), picture[:, -2:].ravel()]
        )
        assert edges.min() > 200


def test_sizes_are_kept():
    from rdkit import Chem

    for index in range(20):
        smiles = smiles_of(molecule.sample(index, 4, atoms=(8, 12), charges=0.0, size=80).target)
        assert 8 <= Chem.MolFromSmiles(smiles).GetNumHeavyAtoms() <= 12


def test_double_bonds_always_have_a_side_and_centres_only_when_asked():
    from rdkit import Chem

    flat = [smiles_of(molecule.sample(index, 5, stereo=0.0, size=80).target) for index in range(30)]
    assert not any("@" in smiles for smiles in flat)
    for smiles in flat:
        for bond in Chem.FindPotentialStereo(Chem.MolFromSmiles(smiles)):
            assert (
                bond.type != Chem.StereoType.Bond_Double or bond.specified == Chem.StereoSpecified.Specified
            )
    assert any("@" in smiles_of(molecule.sample(index, 5, stereo=1.0, size=80).target) for index in range(30))


@pytest.mark.parametrize("ring", RINGS)
def test_every_ring_is_a_molecule(ring):
    assert molecule.canonical_smiles(_renumber(ring.replace("{}", ""), 12)[0])


def test_most_drawn_molecules_are_possible():
    possible = 0
    for index in range(100):
        try:
            molecule.canonical_smiles(random_smiles(random_generator("test", index, 0), (4, 32), 0.1))
            possible += 1
        except Rejected:
            pass
    assert possible > 70


def test_what_is_no_molecule_is_rejected():
    for smiles in ("C1CC", "CC(C)(C)(C)C", "Xx", ""):
        with pytest.raises(Rejected, match="no molecule"):
            molecule.canonical_smiles(smiles)


def test_settings_are_checked_and_a_missing_library_is_named(monkeypatch):
    with pytest.raises(ValueError, match="rdkit, indigo"):
        molecule.sample(0, 0, renderer="chemdraw")
    monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
    with pytest.raises(ImportError, match=r"got-ocr\[synth\]"):
        molecule.sample(0, 0)
