"""An engine in a process of its own, so that each engine's memory can be told: asked and answering in JSON lines.

``Child`` is the asking end; run as a module, this file is the other one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

ENGINES = ("transformers", "openvino")
MODEL, PROMPT = "model", "prompt.safetensors"  # in the folder of the measurement, beside the export
ROOT = Path(__file__).resolve().parents[2]


class Child:
    """An engine in a process of its own that does one thing when it is asked."""

    def __init__(self, name: str, folder: Path, *, precision: str, threads: int, tokens: int) -> None:
        command = [sys.executable, "-m", "scripts.benchmarks.engine_child", name, str(folder)]
        command += ["--precision", precision, "--threads", str(threads), "--tokens", str(tokens)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def ask(self, what: str, *values: Any) -> dict[str, Any]:
        """Have one part done."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([what, *values]), file=self._process.stdin, flush=True)
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the measuring process ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> float:
        """End it; gives the peak of its resident memory in GB."""
        peak: float = self.ask("peak")["gb"]
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        return peak


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds on the wall and of the processor."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used}


def serve(engine: Any, tokens: int) -> None:
    """The child's loop: a JSON line in, a JSON line out."""
    seen: list[Tensor] = []  # the view's features, encoded when they are first wanted

    def features() -> Tensor:
        if not seen:
            seen.append(engine.encode())
        return seen[0]

    for line in sys.stdin:
        what, *values = json.loads(line)
        if what == "encoder":
            answer: dict[str, Any] = timed(lambda: seen.insert(0, engine.encode()))
        elif what == "prefill":
            known = features()
            answer = timed(lambda known=known: engine.prefill(known))  # type: ignore[misc]
        elif what == "decode":
            first = engine.prefill(features())
            answer = timed(lambda first=first: engine.decode(first, tokens))  # type: ignore[misc]
        elif what == "answer":
            answer = {"tokens": engine.decode(engine.prefill(features()), tokens)}
        elif what == "agree":
            answer = engine.agree(engine.prefill(features()), values[0])
        else:
            answer = {"gb": peak_memory()}
        print(json.dumps(answer), flush=True)


def peak_memory() -> float:
    """Most resident memory of this process so far, in GB (Linux: ``ru_maxrss`` would count the parent's)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e9
    raise OSError("/proc/self/status tells no peak of memory")


def main() -> None:
    """Load the engine that the command line names, and serve."""
    from scripts.benchmarks.engines import OpenVINOEngine, TransformersEngine

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, inputs = arguments.folder / MODEL, load_file(arguments.folder / PROMPT)
    if arguments.engine == "transformers":
        serve(TransformersEngine(model, inputs), arguments.tokens)
    else:
        serve(OpenVINOEngine(model, arguments.folder / arguments.precision, inputs), arguments.tokens)


if __name__ == "__main__":
    main()
