"""Random SMILES that look like chemistry: scaffolds of rings, linked by chains, decorated with functional groups.

Valences are kept by construction as far as it goes; the rest is RDKit's to refuse.
"""

from __future__ import annotations

import numpy as np

from GOT.data_engine.sample import Rejected

# A slot {} takes a substituent in brackets or nothing; ring closures are numbered by _renumber.
RINGS = (
    "c1c{}c{}c{}c{}c1{}", "c1c{}c{}nc{}c1{}", "c1c{}nc{}nc1{}", "c1c{}ccc2c1cc{}cc2", "c1c{}c2ccccc2[nH]1",
    "c1cc{}sc1{}",
    "c1c{}oc{}c1", "c1c{}[nH]cc1{}", "c1c{}ncn1C", "c1c{}nc2ccccc2n1", "C1CC{}CCC1{}", "C1CC{}NCC1{}", "C1CN{}CCN1",
    "C1COCCN1{}", "C1CC{}CC1{}", "C1CC1{}", "C1CCOC1{}", "C1CC{}OCC1", "C1=CC{}CCC1", "C1CCNC1{}", "O=C1CCCN1{}",
    "O=C1C{}C(=O)NC1{}", "c1c{}c2OCOc2cc1{}", "c1c{}nsc1", "c1c{}noc1{}", "c1c{}n[nH]c1{}", "C1CC2CCC1C2{}",
    "c1c{}ccc2nccc(c12){}",
)  # fmt: skip
GROUPS = (
    "C", "CC", "C(C)C", "C(C)(C)C", "O", "OC", "OCC", "N", "NC", "N(C)C", "F", "Cl", "Br", "I", "C(F)(F)F", "C#N",
    "C=O", "C(=O)O", "C(=O)OC", "C(=O)N", "C(=O)NC", "NC(=O)C", "S(=O)(=O)N", "S(=O)(=O)C", "SC", "S", "C#C", "C=C",
    "[N+](=O)[O-]", "CO", "CCO", "CN", "CCl", "OC(=O)C", "C(=O)C", "OC(F)(F)F", "B(O)O", "P(=O)(O)O", "C(=O)Cl",
)  # fmt: skip
LINKS = (
    "", "C", "CC", "CCC", "C=C", "C#C", "O", "N", "S", "CO", "OC", "C(=O)", "C(=O)N", "NC(=O)", "C(=O)O", "S(=O)(=O)",
    "S(=O)(=O)N", "N(C)", "CNC", "C(O)", "C(C)", "C(=O)NC", "OCC", "CC(N)", "NC(=O)N", "C=N", "N=N", "CSC",
)  # fmt: skip
CHAIN = ("C", "C", "C", "C", "C=C", "C(C)", "C(O)", "O", "N", "C(=O)", "C(N)", "S", "C#C", "C(F)", "C(Cl)")
IONS = (".[Na+]", ".[K+]", ".Cl", ".Br", ".O", ".[Cl-]")
CHARGED = ("C(=O)[O-]", "[N+](C)(C)C", "[NH3+]", "[O-]", "S(=O)(=O)[O-]")


def random_smiles(rng: np.random.Generator, atoms: tuple[float, float], charges: float) -> str:
    """Draw a molecule's SMILES (not canonical, not checked).

    Args:
        rng: Where the choices come from.
        atoms: Fewest and most heavy atoms, about: the result is drawn again until it fits.
        charges: Chance of a salt or a charged group.

    Raises:
        Rejected: If no drawn molecule had that many atoms.
    """
    wanted = float(rng.uniform(*atoms))
    best = ""
    for _ in range(30):
        smiles = _chain(rng, wanted) if rng.random() < 0.12 or wanted < 6 else _rings(rng, wanted)
        if rng.random() < charges:
            smiles += str(rng.choice(CHARGED)) if rng.random() < 0.6 else str(rng.choice(IONS))
        if abs(_count(smiles) - wanted) < abs(_count(best) - wanted):
            best = smiles
        if atoms[0] <= _count(best) <= atoms[1] and abs(_count(best) - wanted) <= 3:
            break
    if not atoms[0] <= _count(best) <= atoms[1]:
        raise Rejected(f"no molecule of {atoms[0]:g} to {atoms[1]:g} heavy atoms came up")
    return best


def _rings(rng: np.random.Generator, wanted: float) -> str:
    parts: list[str] = []
    number = 1
    size = 0
    while not parts or (size < wanted - 5 and number < 90):
        ring, number = _renumber(str(rng.choice(RINGS)), number)
        share = 0.25 if len(parts) else 0.4
        while "{}" in ring:
            group = f"({rng.choice(GROUPS)})" if rng.random() < share and size < wanted else ""
            ring = ring.replace("{}", group, 1)
        link = str(rng.choice(LINKS)) if parts else ""
        parts.append(link + ring)
        size += _count(parts[-1])
    return "".join(parts)


def _renumber(ring: str, number: int) -> tuple[str, int]:
    """Ring closures 1 and 2 of a pattern as numbers not used before in this molecule."""
    used = 2 if "2" in ring else 1
    numbers = (number, number + 1)
    closures = {mark: str(n) if n < 10 else f"%{n}" for mark, n in zip("12", numbers, strict=True)}
    return "".join(closures.get(char, char) for char in ring), number + used


def _chain(rng: np.random.Generator, wanted: float) -> str:
    text = "C"
    while _count(text) < wanted:
        link = str(rng.choice(CHAIN))
        # Two heteroatoms in a row are rare in what people draw.
        text += "C" if text[-1] in "ONS" and link in "ONS" else link
    if rng.random() < 0.5:
        text += str(rng.choice(GROUPS))
    return text


def _count(smiles: str) -> int:
    """Heavy atoms of a SMILES: capitals and aromatic letters, without hydrogens and the second letter of Cl, Br, Na."""
    plain = smiles.replace("Cl", "X").replace("Br", "X").replace("Na", "X").replace("H", "")
    return sum(char in "XCNOSPFIBK" or char in "cnos" for char in plain)
