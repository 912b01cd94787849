"""Checkpoints to other engines' files.

Each entry of :data:`EXPORTERS` is a function ``export(checkpoint, out_dir, *, precision, cache_dir, allow_lossy)``.
"""

EXPORTERS: dict[str, str] = {
    "openvino": "GOT.export.openvino:export",
}
