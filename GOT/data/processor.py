"""Questions, answers and pictures to model inputs: the one place where a prompt becomes token ids.

T tokens · N views · S side of a view, in pixels
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor

from GOT.data import transformers_layout
from GOT.data.glyph_map import draw_glyph_map, unknown_glyph_maps
from GOT.data.image import CLIP_MEAN, CLIP_STD, MAX_TILES, ImageTransform, tile_image
from GOT.data.prompt import Layout
from GOT.data.tokenizer import GOTTokenizer
from GOT.utils import io
from GOT.utils.constants import IGNORE_INDEX
from GOT.utils.conversation import SYSTEM_MESSAGE


@dataclasses.dataclass(frozen=True)
class ModelInputs:
    """One prompt, ready for the model.

    Attributes:
        input_ids: (T,), int64.
        pixel_values: (N, 3, S, S), float32; N is 0 for text alone.
    """

    input_ids: Tensor
    pixel_values: Tensor


@dataclasses.dataclass(frozen=True)
class Turn:
    """One exchange of a conversation; ``answer`` is None where the model shall speak."""

    question: str
    answer: str | None = None
    num_views: int = 0  # views that stand before the question


@dataclasses.dataclass(frozen=True)
class EncodedConversation:
    """Token ids and, side by side, what is learned from them.

    Attributes:
        input_ids: T ids.
        labels: T ids, ``IGNORE_INDEX`` where nothing is learned.
    """

    input_ids: list[int]
    labels: list[int]


class GOTProcessor:
    """Tokenizer and image transform of one checkpoint.

    Args:
        tokenizer: The checkpoint's tokenizer.
        image_size: Side of a view, in pixels.
        num_image_tokens: Image tokens of one view.
        max_tiles: Most tiles of a page under the ``crop`` layout.

    Attributes:
        with_glyph_maps: Also say where characters stand, in training that asks for it.
    """

    with_glyph_maps = False

    def __init__(
        self,
        tokenizer: GOTTokenizer,
        *,
        image_size: int = 1024,
        num_image_tokens: int = 256,
        max_tiles: int = MAX_TILES,
    ) -> None:
        self.tokenizer = tokenizer
        self.transform = ImageTransform(image_size)
        self.num_image_tokens = num_image_tokens
        self.max_tiles = max_tiles

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        image_size: int = 1024,
        num_image_tokens: int = 256,
        max_tiles: int = MAX_TILES,
    ) -> GOTProcessor:
        """Load the tokenizer in a checkpoint's folder."""
        tokenizer = GOTTokenizer.from_pretrained(folder)
        return cls(tokenizer, image_size=image_size, num_image_tokens=num_image_tokens, max_tiles=max_tiles)

    def check_fits(self, config: Any) -> None:
        """Insist that tokenizer and model mean the same ids.

        Raises:
            ValueError: Naming the ids that differ.
        """
        special = self.tokenizer.special
        pairs = {
            "<img>": (config.im_start_token, special.image_start),
            "</img>": (config.im_end_token, special.image_end),
            "<imgpad>": (config.im_patch_token, special.image),
        }
        wrong = [
            f"{token} is {a} in config.json and {b} in the tokenizer"
            for token, (a, b) in pairs.items()
            if a != b
        ]
        if wrong or len(self.tokenizer) > config.vocab_size:
            size = f"the tokenizer has {len(self.tokenizer)} entries, the model {config.vocab_size}"
            raise ValueError(f"Tokenizer and model do not fit: {'; '.join(wrong) or size}.")

    def save_pretrained(
        self, folder: str | Path, layout: Literal["original", "transformers"] = "original"
    ) -> None:
        """Write what belongs beside a checkpoint's weights: the tokenizer, and for transformers its processor too."""
        self.tokenizer.save_pretrained(folder, layout)
        if layout == "original":
            return
        folder, special = Path(folder), self.tokenizer.special
        image = transformers_layout.image_settings(
            image_size=self.transform.image_size, max_tiles=self.max_tiles, mean=CLIP_MEAN, std=CLIP_STD
        )
        generation = transformers_layout.generation_settings(
            pad_id=special.end_of_text, stop_id=special.turn_end
        )
        io.write_json(folder / "preprocessor_config.json", image)
        io.write_json(folder / "processor_config.json", {"processor_class": "GotOcr2Processor"})
        io.write_json(folder / "generation_config.json", generation)

    def views_of(
        self, pages: Sequence[Image.Image], layout: Layout, *, max_tiles: int | None = None
    ) -> list[Image.Image]:
        """The square views (not yet resized) that a layout makes of its pages.

        Args:
            pages: One page, or several for ``multi_page``.
            layout: How pages become views.
            max_tiles: Most tiles under ``crop``; the processor's own number by default.

        Raises:
            ValueError: If there is no page, or several where the layout takes one.
        """
        if not pages or (len(pages) > 1 and layout != "multi_page"):
            raise ValueError(
                f"The layout {layout} takes one page (multi_page: one or more); got {len(pages)}."
            )
        if layout == "crop":
            limit = self.max_tiles if max_tiles is None else max_tiles
            return tile_image(pages[0], tile_size=self.transform.image_size, max_tiles=limit)
        return list(pages)

    def encode_request(self, views: Sequence[Image.Image], question: str) -> ModelInputs:
        """Make the inputs that let the model answer a question about some views."""
        return self.encode_pixels(self.encode_views(views), question)

    def encode_pixels(self, pixel_values: Tensor, question: str) -> ModelInputs:
        """The same for views that are resized and normalised already: (N, 3, S, S)."""
        ids = self.encode_conversation([Turn(question, None, len(pixel_values))]).input_ids
        return ModelInputs(torch.tensor(ids), pixel_values)

    def encode_views(self, views: Sequence[Image.Image]) -> Tensor:
        """Resize and normalise views: (N, 3, S, S), float32."""
        size = self.transform.image_size
        return (
            torch.stack([self.transform(view) for view in views]) if views else torch.empty(0, 3, size, size)
        )

    def encode_glyphs(
        self, views: Sequence[Image.Image], glyphs: Sequence[tuple[str, float, float]] | None
    ) -> Tensor | None:
        """(N, rows, columns) glyph maps of the views, where the model asks for them; unknown ones hold no label."""
        if not self.with_glyph_maps or glyphs is None or len(views) != 1:
            return self.unknown_glyphs(len(views))
        return draw_glyph_map(glyphs, views[0].size, self.num_image_tokens)[None]

    def unknown_glyphs(self, num_views: int) -> Tensor | None:
        """(N, rows, columns) glyph maps without a label, where the model asks for them."""
        return unknown_glyph_maps(num_views, self.num_image_tokens) if self.with_glyph_maps else None

    @property
    def pad_id(self) -> int:
        """What fills rows behind their end."""
        return self.tokenizer.special.end_of_text

    def view_tokens(self, num_views: int) -> list[int]:
        """The ids that stand for views: ``<img>``, one placeholder an image token, ``</img>``."""
        special = self.tokenizer.special
        return [
            special.image_start,
            *[special.image] * (self.num_image_tokens * num_views),
            special.image_end,
        ]

    def encode_conversation(self, turns: Sequence[Turn], *, system: str | None = None) -> EncodedConversation:
        """Encode turns as the published template does, building labels beside the ids.

        Only answers and the ``<|im_end|>`` after them are learned; an empty answer teaches to stop at once.

        Args:
            turns: Exchanges; the last may lack its answer, for the model to give.
            system: Words of the system turn instead of the published ones.
        """
        special, encode = self.tokenizer.special, self.tokenizer.encode
        ids: list[int] = []
        labels: list[int] = []

        def add(tokens: list[int], *, learned: bool = False) -> None:
            ids.extend(tokens)
            labels.extend(tokens if learned else [IGNORE_INDEX] * len(tokens))

        words = SYSTEM_MESSAGE if system is None else system
        add([special.turn_start, *encode(f"system\n{words}"), special.turn_end])
        for turn in turns:
            add([special.turn_start, *encode("user\n")])
            if turn.num_views:
                add(self.view_tokens(turn.num_views))
                add(encode(f"\n{turn.question}"))
            else:
                add(encode(turn.question))
            add([special.turn_end, special.turn_start, *encode("assistant\n")])
            if turn.answer is not None:
                # Encoded apart from the head, so that training sees the very ids that decoding continues from.
                add([*encode(turn.answer), special.turn_end], learned=True)
        return EncodedConversation(ids, labels)
