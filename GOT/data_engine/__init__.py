"""Nothing to training samples: one module per kind of OCR-2.0 character, pictures and answers from the same tree.

A kind is a function ``sample(index, seed, **settings) -> Sample`` that is the same on every machine with the same fonts
and library versions; it raises ``Rejected`` when every attempt was, ``ImportError`` or ``FileNotFoundError`` when its
renderer is missing. The function beside it in the same module whose name has ``samples`` for ``sample`` (``samples``,
``samples_en``), where there is one, makes many: ``samples(indices, seed, **settings)`` returns a ``Sample`` or a
``Rejected`` for each, as single calls would; the runner prefers it.

A sample whose parts can be asked for one by one lists them in ``meta["regions"]``: ``{"level": "line" | "paragraph" |
"block", "box": [x1, y1, x2, y2] in pixels, "text": its exact answer}``; the fine-grained wrappers draw from those.
"""

from __future__ import annotations

# What `--kinds` and recipes choose from; `got-ocr synth --help` lists it without importing a renderer.
KINDS: dict[str, str] = {
    "glyph_grid": "GOT.data_engine.glyph_grid:sample",
    "plain_en": "GOT.data_engine.plain:sample_en",
    "plain_zh": "GOT.data_engine.plain:sample_zh",
    "line_en": "GOT.data_engine.plain:sample_line_en",
    "line_zh": "GOT.data_engine.plain:sample_line_zh",
    "columns": "GOT.data_engine.columns:sample",
    "scene": "GOT.data_engine.scene:sample",
    "handwriting": "GOT.data_engine.handwriting:sample",
    "formula": "GOT.data_engine.formula:sample",
    "molecule": "GOT.data_engine.molecule:sample",
    "table": "GOT.data_engine.table:sample",
    "page_en": "GOT.data_engine.page:sample_en",
    "page_zh": "GOT.data_engine.page:sample_zh",
    "music": "GOT.data_engine.music:sample",
    "geometry": "GOT.data_engine.geometry:sample",
    "chart": "GOT.data_engine.chart:sample",
    "fine_box": "GOT.data_engine.fine:sample_box",
    "fine_color": "GOT.data_engine.fine:sample_color",
    "crop": "GOT.data_engine.crop:sample",
    "multi_page": "GOT.data_engine.multi_page:sample",
}
