"""The trie finds every listed word at every place, and what stands alone."""

from __future__ import annotations

import random

from GOT.eval.word_trie import WordTrie


def test_words_come_from_the_end_and_the_shorter_first():
    trie = WordTrie({"a": 1.0, "ab": 2.0, "abcd": 3.0, "b": 4.0}, unlisted=-1.0)
    assert list(trie.find("abc")) == [(2, 3, -1.0), (1, 2, 4.0), (0, 1, 1.0), (0, 2, 2.0)]
    assert list(trie.find("xabcd"))[-4:] == [(1, 2, 1.0), (1, 3, 2.0), (1, 5, 3.0), (0, 1, -1.0)]


def test_no_text_holds_no_word():
    assert list(WordTrie({"a": 1.0}, unlisted=0.0).find("")) == []


def test_characters_of_any_plane_and_half_ones_are_searched():
    trie = WordTrie({"𠮷野": 1.0}, unlisted=0.0)
    assert list(trie.find("𠮷野\ud800")) == [(2, 3, 0.0), (1, 2, 0.0), (0, 2, 1.0)]


def test_random_words_are_found_as_looking_at_every_place_finds_them():
    rng = random.Random(5)
    words = {"".join(rng.choices("xyz", k=rng.randint(1, 6))): rng.random() for _ in range(60)}
    trie = WordTrie(words, unlisted=-1.0)
    for _ in range(50):
        text = "".join(rng.choices("xyzw", k=rng.randint(0, 40)))
        expected = []
        for start in reversed(range(len(text))):
            ends = [end for end in range(start + 1, len(text) + 1) if text[start:end] in words]
            expected += [(start, end, words[text[start:end]]) for end in ends] or [(start, start + 1, -1.0)]
        assert list(trie.find(text)) == expected
