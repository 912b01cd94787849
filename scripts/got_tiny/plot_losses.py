"""Trainer states of got-tiny's stages to one picture: python scripts/got_tiny/plot_losses.py losses.png STATE.json …

Each state is a stage's ``trainer_state.json``; its folder's name is what the curve is called.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure


def main(output: str, *states: str) -> None:
    """Draw every stage's loss behind the one before."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.add_subplot()
    start = 0
    for path in map(Path, states):
        history = [entry for entry in json.loads(path.read_text())["log_history"] if "loss" in entry]
        steps = [start + entry["step"] for entry in history]
        axes.plot(steps, [float(entry["loss"]) for entry in history], label=path.parent.name)
        start = steps[-1]
    axes.set(xlabel="step", ylabel="training loss", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
