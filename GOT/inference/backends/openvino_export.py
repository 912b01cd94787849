"""A checkpoint to an OpenVINO export that keeps its text: made once, tried on sample pages, kept in a cache folder.

CACHE/openvino/HASH-PRECISION-vN/               the graphs, and export.json: how far they agree with torch
CACHE/openvino/HASH-PRECISION-vN.refused.json   the same of an export that changed the text and was not kept
"""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from collections.abc import Iterator
from pathlib import Path

from GOT.data.processor import GOTProcessor
from GOT.inference import agreement
from GOT.inference.agreement import Agreement, Reference
from GOT.inference.backends import openvino_graphs as graphs
from GOT.inference.backends.openvino_backend import OpenVINOBackend
from GOT.inference.backends.torch_backend import TorchBackend
from GOT.model.checkpoint import load_config
from GOT.utils import io
from GOT.utils.cache import content_hash, default_cache_dir, made_alone
from GOT.utils.lazy import is_available, require
from GOT.utils.log import get_logger

logger = get_logger(__name__)

# name -> (encoder, decoder), fastest first
PRECISIONS: dict[str, tuple[str, str]] = {
    "int8-activations": ("int8-activations", "int8-activations"),
    "int8": ("int8", "int8"),
    "float32": ("float32", "float32"),
}
FORMAT = 2  # goes up when the graphs or the samples change, so that older exports are made anew
RECORD = "export.json"


def find_or_export(
    checkpoint: Path, *, precision: str = "auto", cache_dir: Path | None = None, allow_lossy: bool = False
) -> Path:
    """The export of a checkpoint, made now if it is not there.

    Args:
        checkpoint: The checkpoint's folder.
        precision: A name of :data:`PRECISIONS`, or ``auto``: the fastest whose answers are torch's.
        cache_dir: Where exports are kept.
        allow_lossy: Take the precision asked for (``auto``: the fastest), whatever it does to the text.

    Raises:
        ValueError: If the precision asked for changes the text of sample pages.
    """
    require("openvino", extra=graphs.EXTRA)
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"--precision must be auto, {', '.join(PRECISIONS)}; got {precision!r}.")
    cache = (cache_dir or default_cache_dir()) / "openvino"
    key = content_hash(checkpoint, memory=cache / "hashes")
    original = Original(checkpoint)
    for name in _ladder() if precision == "auto" else (precision,):
        target = cache / f"{key}-{name}-v{FORMAT}"
        found = export(original, target, name, keep_lossy=allow_lossy)
        if found.holds:
            return target
        changed = f"OpenVINO in {name} changes the text of sample pages ({found})"
        if allow_lossy:
            logger.warning("%s; taken as asked.", changed)
            return target
        if precision != "auto":
            raise ValueError(f"{changed}. Use --precision auto or float32, or --allow-lossy.")
        if name == "float32":
            raise ValueError(f"{changed}. Use --backend torch, or --allow-lossy.")
    raise AssertionError("the ladder ends with float32")


def export(original: Original, target: Path, name: str, *, keep_lossy: bool = False) -> Agreement:
    """Make an export unless it is there, and tell how far it agrees with torch.

    It is kept if its answers to the sample pages are torch's, or if ``keep_lossy``; otherwise only the verdict is.
    One process makes it, others wait for it; killed in the middle, it leaves nothing that looks like an export.
    """
    refusal = target.parent / f"{target.name}.refused.json"
    verdicts = (target / RECORD,) if keep_lossy else (target / RECORD, refusal)

    def known() -> Agreement | None:
        return next((_recorded(path) for path in verdicts if path.is_file()), None)

    # Looked for before the lock is taken, which needs the right to write: a cache may be shipped read-only.
    if (verdict := known()) is not None:
        return verdict
    with made_alone(target):
        if (verdict := known()) is not None:  # another process made it meanwhile
            return verdict
        started = time.perf_counter()
        logger.info(
            "Exporting %s for OpenVINO in %s, once; --backend torch reads without.", original.folder, name
        )
        try:
            with io.atomic_folder(target) as place:
                found = _fill(original, place, name)
                record = {
                    "precision": name,
                    "holds": found.holds,
                    "agreement": dataclasses.asdict(found),
                    "openvino": require("openvino", extra=graphs.EXTRA).__version__,
                }
                if not (found.holds or keep_lossy):
                    raise _Refused
                io.write_json(place / RECORD, record)
        except _Refused:
            io.write_json(refusal, record)
            logger.warning("OpenVINO in %s changes the text of sample pages (%s); not kept.", name, found)
            return found
        seconds = time.perf_counter() - started
        logger.info("Exported in %.0f s to %s: %s.", seconds, target, found)
        return found


class Original:
    """The checkpoint in torch, float32: loaded, and asked about the sample pages, only when an export needs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @functools.cached_property
    def backend(self) -> TorchBackend:
        import torch

        from GOT.model.checkpoint import load_model

        return TorchBackend(load_model(self.folder, dtype=torch.float32))

    @functools.cached_property
    def reference(self) -> Reference:
        vision = self.backend.config.vision
        processor = GOTProcessor.from_pretrained(
            self.folder, image_size=vision.image_size, num_image_tokens=vision.num_image_tokens
        )
        prompts = agreement.sample_prompts(processor)
        logger.info("  torch reads %d sample pages", len(prompts))
        return agreement.read_samples(self.backend, processor, prompts)


class _Refused(Exception):
    """The export that was just written changes the text."""


def _fill(original: Original, place: Path, name: str) -> Agreement:
    encoder, decoder = PRECISIONS[name]
    model, reference = original.backend.model, original.reference
    views = [view for inputs in reference.samples for view in inputs.pixel_values.split(1)]
    logger.info("  encoder in %s", encoder)
    graphs.write_encoder(model, place, weights=encoder, views=views)
    logger.info("  decoder in %s", decoder)
    graphs.write_decoder(model, place, weights=decoder)
    graphs.write_embedding(model.model.embed_tokens.weight, place)
    logger.info("  OpenVINO reads the sample pages")
    return agreement.compare(reference, OpenVINOBackend(place, load_config(original.folder)))


def _ladder() -> Iterator[str]:
    if is_available("nncf"):
        yield from PRECISIONS
    else:
        logger.warning('nncf is not installed, so OpenVINO stays in float32: pip install "got-ocr[openvino]"')
        yield "float32"


def _recorded(path: Path) -> Agreement:
    return Agreement(**json.loads(path.read_text(encoding="utf-8"))["agreement"])
