"""Draw assets/contact-sheet.jpg anew: three samples of every kind, and of charts by ECharts where it is installed.

    python scripts/contact_sheet.py --node-modules DIR/node_modules

Which fonts and texts the machine has decides what the samples look like: docs/data-engine.md names a good set.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from GOT.data_engine import KINDS
from GOT.data_engine.preview import contact_sheet, preview_samples
from GOT.data_engine.recipe import Recipe

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--node-modules", help="folder that holds echarts; leaves ECharts out if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "contact-sheet.jpg")
    arguments = parser.parse_args()
    samples = preview_samples(Recipe(kinds=dict.fromkeys(KINDS, 1.0), count=1, seed=arguments.seed), each=3)
    if arguments.node_modules:
        settings = {"renderer": "echarts", "node_modules": arguments.node_modules}
        recipe = Recipe(kinds={"chart": 1.0}, count=1, seed=arguments.seed + 1, settings={"chart": settings})
        samples["chart (ECharts)"] = preview_samples(recipe, each=3)["chart"]
    contact_sheet(samples).convert("RGB").save(arguments.out, quality=80, optimize=True)
    print(f"Wrote {arguments.out}; look at it.")


if __name__ == "__main__":
    main()
