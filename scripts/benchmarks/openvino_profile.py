"""Where OpenVINO's time goes, by kind of operation: an export's two graphs, compiled anew with their counters on.

Counting costs time, so that nothing else is measured here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from GOT.inference.backends import Prompt
from GOT.inference.backends import openvino_graphs as graphs
from GOT.inference.backends.openvino_backend import PROPERTIES
from GOT.inference.backends.openvino_session import OpenVINOSession, run
from GOT.model.config import GOTConfig
from GOT.utils.lazy import require


def profile_export(
    export: Path, config: GOTConfig, inputs: dict[str, Tensor], threads: int
) -> dict[str, dict[str, float]]:
    """Share of each kind of operation in one view's encoding and in one token's step behind it."""
    ov = require("openvino", extra=graphs.EXTRA)
    counting = PROPERTIES | {"INFERENCE_NUM_THREADS": threads, "PERF_COUNT": True}
    encoder, decoder = (
        ov.Core().compile_model(export / name, "CPU", counting).create_infer_request()
        for name in (graphs.ENCODER, graphs.DECODER)
    )
    features = run(encoder, {"pixel_values": inputs["pixel_values"]}).clone()
    table = graphs.map_embedding(export, rows=config.vocab_size, hidden_size=config.hidden_size)
    session = OpenVINOSession(config, lambda token_ids: table[token_ids].float(), lambda: decoder)
    session.join([Prompt(inputs["input_ids"], features)])
    for token in (5, 6):  # any; the first step lays out memory
        session.step(torch.tensor([token]))
    return {"encoder": _shares(encoder), "decode": _shares(decoder)}


def _shares(request: Any) -> dict[str, float]:
    """Operations of at least 1% of the time of the last run, most costly first."""
    spent: dict[str, float] = {}
    for node in request.profiling_info:
        spent[node.node_type] = spent.get(node.node_type, 0.0) + node.real_time.total_seconds()
    total = sum(spent.values())
    ranked = sorted(spent.items(), key=lambda item: -item[1])
    return {name: round(seconds / total, 3) for name, seconds in ranked if seconds >= 0.01 * total}
