"""The chat template of GOT: system words, roles and separators, exactly as the published weights were trained.

Kept importable under its published names (``conv_templates``, ``SeparatorStyle``) for code written against the
released repository. Our own processor builds token ids turn by turn from the same constants and never splits a string.
"""

from __future__ import annotations

import dataclasses
import enum

from GOT.utils.constants import TURN_END, TURN_START

# The published weights were trained on these exact words.
SYSTEM_MESSAGE = "You should follow the instructions carefully and explain your answers in detail."
SYSTEM_HEAD = f"{TURN_START}system\n"
USER_HEAD = f"{TURN_START}user\n"
ASSISTANT_HEAD = f"{TURN_START}assistant\n"


class SeparatorStyle(enum.Enum):
    """How turns are joined; GOT knows one style."""

    MPT = enum.auto()


@dataclasses.dataclass
class Conversation:
    """Turns of one chat and how they become a prompt string.

    Example:
        >>> chat = conv_templates["mpt"].copy()
        >>> chat.append_message(chat.roles[0], "OCR: ")
        >>> chat.append_message(chat.roles[1], None)
        >>> chat.get_prompt().endswith("OCR: <|im_end|><|im_start|>assistant\\n")
        True
    """

    system: str
    roles: tuple[str, str]
    messages: list[tuple[str, str | None]]
    sep_style: SeparatorStyle = SeparatorStyle.MPT
    sep: str = TURN_END

    def append_message(self, role: str, message: str | None) -> None:
        """Add a turn; ``None`` opens a turn for the model to fill."""
        self.messages.append((role, message))

    def get_prompt(self) -> str:
        """The whole chat as one string; an open last turn ends with its role's head."""
        # An empty answer is closed too (the released code leaves it open, so blank pages never learn to stop).
        turns = [role if text is None else role + text + self.sep for role, text in self.messages]
        return self.system + self.sep + "".join(turns)

    def copy(self) -> Conversation:
        """A chat of its own with the same turns."""
        return dataclasses.replace(self, messages=list(self.messages))


conv_templates: dict[str, Conversation] = {
    "mpt": Conversation(system=SYSTEM_HEAD + SYSTEM_MESSAGE, roles=(USER_HEAD, ASSISTANT_HEAD), messages=[]),
}
conv_templates["default"] = conv_templates["mpt"]
