"""A loaded model to OpenVINO's files: encoder, decoder with its cache inside, and the embedding table.

encoder.xml, .bin    pixel_values (1, 3, S, S) -> image features (1, P, D)
decoder.xml, .bin    inputs_embeds, attention_mask, position_ids, rows -> logits (B, V); the cache is its state
embedding.bin        (V, D), mapped into memory rather than loaded
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from GOT.model.got import GOTQwenForCausalLM
from GOT.model.graphs import DecoderGraph, EncoderGraph
from GOT.utils.lazy import require

EXTRA = "openvino"
ENCODER, DECODER, EMBEDDING = "encoder.xml", "decoder.xml", "embedding.bin"
# Channels of the decoder's activations that share an 8-bit scale. The engine takes 32 by itself, which costs more in a
# step than 8-bit multiplications save; 0 (activations stay float32) is as fast as 128 for one row, and half as fast for
# a prompt. For the encoder its own choice is best.
DECODER_GROUPS = {"int8": 0, "int8-activations": 128}
CALIBRATION_VIEWS = 4  # every view has thousands of patches; more moved no range that mattered


def write_encoder(model: GOTQwenForCausalLM, folder: Path, *, weights: str, views: Sequence[Tensor]) -> None:
    """Convert encoder and projector.

    Args:
        model: In float32.
        folder: Where the files go.
        weights: ``float32``, ``int8`` (weights only) or ``int8-activations`` (both, calibrated).
        views: (1, 3, S, S) each, to calibrate with.
    """
    ov = require("openvino", extra=EXTRA)
    vision = model.config.vision
    example = torch.zeros(1, 3, vision.image_size, vision.image_size)
    graph = _convert(EncoderGraph(model), (example,), [list(example.shape)])
    graph.inputs[0].get_tensor().set_names({"pixel_values"})
    if weights == "int8-activations":
        nncf = require("nncf", extra=EXTRA)
        with _quiet():
            graph = nncf.quantize(
                graph,
                nncf.Dataset([view.numpy() for view in views[:CALIBRATION_VIEWS]]),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=min(CALIBRATION_VIEWS, len(views)),
            )
    elif weights == "int8":
        graph = _compress(graph)
    ov.save_model(graph, folder / ENCODER, compress_to_fp16=False)


def write_decoder(model: GOTQwenForCausalLM, folder: Path, *, weights: str) -> None:
    """Convert the decoder and its head; arguments as :func:`write_encoder`, but nothing is calibrated.

    ``int8-activations`` finds the scales of activations at every step.
    """
    ov = require("openvino", extra=EXTRA)
    decoder = DecoderGraph(model)
    rows, new, cached = 2, 3, 5  # any sizes: all three are dynamic
    cache_shape = (rows, decoder.num_key_value_heads, cached, decoder.head_dim)
    example = (
        torch.zeros(rows, new, model.config.hidden_size),
        torch.ones(rows, cached + new, dtype=torch.long),
        torch.arange(cached, cached + new).expand(rows, -1),
        torch.arange(rows, dtype=torch.int32),  # with int64 the engine does not recognise its own cache
        *(torch.zeros(cache_shape) for _ in range(2 * decoder.num_layers)),
    )
    shapes = [
        [-1, -1, model.config.hidden_size], [-1, -1], [-1, -1], [-1],
        *[[-1, decoder.num_key_value_heads, -1, decoder.head_dim]] * (2 * decoder.num_layers),
    ]  # fmt: skip
    graph = _convert(decoder, example, shapes)
    _keep_cache_inside(graph, 2 * decoder.num_layers)
    if weights != "float32":
        graph = _compress(graph)
        graph.set_rt_info(
            str(DECODER_GROUPS[weights]), ["runtime_options", "DYNAMIC_QUANTIZATION_GROUP_SIZE"]
        )
    ov.save_model(graph, folder / DECODER, compress_to_fp16=False)


def write_embedding(table: Tensor, folder: Path) -> None:
    """Write the table row after row: in bfloat16 where that loses nothing (published weights), else in float32."""
    table = table.detach().contiguous()
    half = table.to(torch.bfloat16)
    exact = half if bool(torch.equal(half.to(table.dtype), table)) else table
    exact.view(torch.uint8).numpy().tofile(folder / EMBEDDING)


def weights_of(graph: Path) -> Path:
    """The file with the weights of a graph."""
    return graph.with_suffix(".bin")


def map_embedding(folder: Path, *, rows: int, hidden_size: int) -> Tensor:
    """The table, (rows, D): parts of the file that are never looked up take no memory."""
    path = folder / EMBEDDING
    count = rows * hidden_size
    dtype = torch.float32 if path.stat().st_size == 4 * count else torch.bfloat16
    return torch.from_file(str(path), shared=False, size=count, dtype=dtype).view(rows, hidden_size)


def _convert(module: nn.Module, example: tuple[Tensor, ...], shapes: Sequence[Sequence[int]]) -> Any:
    ov = require("openvino", extra=EXTRA)
    with torch.no_grad(), _quiet():
        traced = torch.jit.trace(module.eval(), example, check_trace=False)
        return ov.convert_model(
            traced, example_input=example, input=[ov.PartialShape(list(shape)) for shape in shapes]
        )


def _compress(graph: Any) -> Any:
    """Weights to int8, one scale for each output channel, symmetric: faster than asymmetric and as close."""
    nncf = require("nncf", extra=EXTRA)
    with _quiet():
        return nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_SYM)


def _keep_cache_inside(graph: Any, num_states: int) -> None:
    """Make the cache a state of the graph, so that it is neither copied nor handed to and fro at every step."""
    require("openvino", extra=EXTRA)
    from openvino import opset13
    from openvino._offline_transformations import apply_make_stateful_transformation

    names = ["inputs_embeds", "attention_mask", "position_ids", "rows"]
    names += [f"past.{index}" for index in range(num_states)]
    for port, name in zip(graph.inputs, names, strict=True):
        port.get_tensor().set_names({name})
    for index, port in enumerate(graph.outputs):
        port.get_tensor().set_names({"logits" if index == 0 else f"present.{index - 1}"})
    apply_make_stateful_transformation(
        graph, {f"past.{index}": f"present.{index}" for index in range(num_states)}
    )
    # A fresh state has as many rows as the batch and no tokens.
    batch = opset13.gather(
        opset13.shape_of(graph.input("inputs_embeds"), output_type="i64"),
        opset13.constant([0]),
        opset13.constant(0),
    )
    for operation in graph.get_ops():
        if operation.get_type_name() != "ReadValue":
            continue
        _, heads, _, width = (dim.min_length for dim in operation.get_output_partial_shape(0))
        shape = opset13.concat([batch, opset13.constant(np.array([heads, 0, width], dtype=np.int64))], axis=0)
        empty = opset13.constant(0.0, dtype=operation.get_output_element_type(0))
        operation.set_arguments([opset13.broadcast(empty, shape)])
    graph.validate_nodes_and_infer_types()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' hints off the screen, and their progress bars off stdout, which is for results."""
    loggers = [logging.getLogger(name) for name in ("nncf", "torch.jit")]
    levels = [logger.level for logger in loggers]
    screen = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(screen):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
