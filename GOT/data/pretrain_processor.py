"""Stage 1's sequences: image tokens, the question, the answer, an end. No chat template, as in Vary-tiny.

The decoder of that stage (OPT) brings its own tokenizer; one of ours may stand in for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from GOT.data.processor import EncodedConversation, GOTProcessor, Turn
from GOT.data.tokenizer import GOTTokenizer, SpecialTokens
from GOT.utils.constants import IGNORE_INDEX


class OPTTokenizer:
    """OPT's own byte-pair encoding, from a folder with its tokenizer files, behind the interface of ours.

    Args:
        folder: Holds ``vocab.json`` and ``merges.txt`` (or ``tokenizer.json``).
        vocab_size: Rows of the decoder's embedding; its last row, which no token uses, becomes the placeholder.
    """

    def __init__(self, folder: str | Path, vocab_size: int) -> None:
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
        if len(self._tokenizer) >= vocab_size:
            raise ValueError(
                f"{folder}: {len(self._tokenizer)} tokens leave no free row among {vocab_size} for images."
            )
        end, free = self._tokenizer.eos_token_id, vocab_size - 1
        self.special = SpecialTokens(
            self._tokenizer.pad_token_id or end, end, end, image_start=free, image_end=free, image=free
        )

    def __len__(self) -> int:
        return len(self._tokenizer)

    def encode(self, text: str) -> list[int]:
        """Ids of ordinary text."""
        return self._tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids: Iterable[int], *, skip_special_tokens: bool = True) -> str:
        """Text of ids; the placeholder has none."""
        return self._tokenizer.decode(
            [i for i in ids if i < len(self._tokenizer)], skip_special_tokens=skip_special_tokens
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tokenizer's files."""
        self._tokenizer.save_pretrained(str(folder))


class PretrainProcessor(GOTProcessor):
    """Makes stage 1's samples; everything else is :class:`GOTProcessor`'s."""

    tokenizer: GOTTokenizer | OPTTokenizer  # type: ignore[assignment]

    def view_tokens(self, num_views: int) -> list[int]:
        """One placeholder an image token, no marks around them."""
        return [self.tokenizer.special.image] * (self.num_image_tokens * num_views)

    def encode_conversation(self, turns: Sequence[Turn], *, system: str | None = None) -> EncodedConversation:
        """Views, question, answer and the end token, turn after turn; ``system`` has no place here."""
        ids: list[int] = []
        labels: list[int] = []
        for turn in turns:
            prompt = [*self.view_tokens(turn.num_views), *self.tokenizer.encode(turn.question)]
            ids += prompt
            labels += [IGNORE_INDEX] * len(prompt)
            if turn.answer is not None:
                answer = [*self.tokenizer.encode(turn.answer), self.tokenizer.special.turn_end]
                ids += answer
                labels += answer
        return EncodedConversation(ids, labels)
