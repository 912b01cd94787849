"""WordNet's definitions and examples as plain text to print: nine megabytes of general English.

The data engine's own text (Python's manual, licences) has 4,000 different words, which a decoder soon expects instead
of looking. WordNet is free (WordNet licence): ``apt-get install wordnet-base``.

    python scripts/got_tiny/wordnet_text.py FOLDER
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from GOT.utils.io import write_text

DATABASE = Path("/usr/share/wordnet")


def main() -> None:
    """Write one text file a part of speech, a paragraph for each meaning."""
    if len(sys.argv) != 2:
        sys.exit("usage: wordnet_text.py FOLDER")
    if not (files := sorted(DATABASE.glob("data.*"))):
        sys.exit(f"There is no WordNet in {DATABASE}; apt-get install wordnet-base")
    for file in files:
        text = "\n\n".join(paragraphs(file.read_text(encoding="utf-8")))
        write_text(Path(sys.argv[1]) / f"wordnet-{file.suffix[1:]}.txt", text + "\n")


def paragraphs(database: str) -> Iterator[str]:
    """Definition and examples of each meaning, set as sentences."""
    for line in database.splitlines():
        _, bar, gloss = line.partition(" | ")
        if not bar:  # the licence at the top
            continue
        definition = gloss.partition('"')[0].strip(" ;:,")
        sentences = [definition, *re.findall(r'"([^"]+)"', gloss)]
        yield " ".join(map(sentence, filter(None, sentences)))


def sentence(text: str) -> str:
    """A capital at its start, a stop at its end."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


if __name__ == "__main__":
    main()
