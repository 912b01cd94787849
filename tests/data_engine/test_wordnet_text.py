"""WordNet's lines become sentences that can be printed."""

from __future__ import annotations

from scripts.got_tiny.wordnet_text import paragraphs

DATABASE = """\
  1 This software and database is being provided to you, the LICENSEE, by
00039297 04 n 01 contact 2 001 @ 00039021 n 0000 | close interaction; "they kept in daily contact"; "is he there?"
00039211 04 n 01 interplay 0 001 @ 00039021 n 0000 | reciprocal action and reaction
"""


def test_each_meaning_is_a_paragraph_of_sentences() -> None:
    assert list(paragraphs(DATABASE)) == [
        "Close interaction. They kept in daily contact. Is he there?",
        "Reciprocal action and reaction.",
    ]
