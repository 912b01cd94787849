"""Names that published code and checkpoints depend on: token strings, label mask, built-in data sets.

Token *ids* are not here: they are looked up in the tokenizer (``data.tokenizer``), since a small vocabulary has others.
"""

from __future__ import annotations

IGNORE_INDEX = -100  # label of a token that carries no loss (PyTorch's cross_entropy default)

DEFAULT_IMAGE_TOKEN = "<image>"  # where a record's text says "a picture stands here"
DEFAULT_IMAGE_PATCH_TOKEN = "<imgpad>"  # one per image token that the encoder yields
DEFAULT_IM_START_TOKEN = "<img>"
DEFAULT_IM_END_TOKEN = "</img>"

END_OF_TEXT = "<|endoftext|>"  # also the padding token, as published
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"  # where an answer stops

# Glyph maps (``data.glyph_map``) and glyph codes (``model.glyph_codes``) are one language.
GLYPH_ROWS, GLYPH_COLUMNS = 4, 8  # cells of one image token: letters are narrower than lines are high
GLYPH_CLASSES = 96  # a blank cell · printable ASCII, each its own · everything else

# The data sets that `--datasets a+b` finds when no --data-config names any: paths relative to the repository's root.
# The published code holds private paths here; ours are shipped samples, so that the published command runs.
CONVERSATION_DATA: dict[str, dict[str, str]] = {
    "pdf-ocr": {"images": "assets/datasets", "annotations": "assets/datasets/pdf-ocr.json"},
    "scene-ocr": {"images": "assets/datasets", "annotations": "assets/datasets/scene-ocr.json"},
}
