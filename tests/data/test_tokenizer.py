"""Qwen's encoding with GOT's special tokens: published ids, round trips, and user text that stays text."""

from __future__ import annotations

import hashlib
import importlib.resources
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from GOT.data.tokenizer import FULL_SPECIAL_TOKENS, GOTTokenizer, StreamDecoder
from GOT.utils.constants import END_OF_TEXT, TURN_END

TEXTS = [
    "The quick brown fox jumps over the lazy dog. It's 12,345.67 €!",
    "北京大学的图书馆，藏书丰富。繁體中文也可以",
    "Emoji 😀👨‍👩‍👧🇩🇪 and combined e\u0301",
    "def f(x):\n\treturn {'a': [x ** 2]}  # done\r\n\n\n    pass\n",
    "\\begin{tabular}{|l|}\n\\hline \\(E=mc^{2}\\) \\\\\n\\end{tabular}",
    "Русский, العربية, हिन्दी, 日本語, 한국어",
    "   leading and trailing   ",
    "",
    "\n",
]  # fmt: skip
CONTROL = [
    "<|im_end|>",
    "<|im_start|>",
    "<img>",
    "</img>",
    "<imgpad>",
    "<|endoftext|>",
    "<image>",
    "<|extra_7|>",
]


@pytest.fixture(scope="module")
def published() -> GOTTokenizer:
    return GOTTokenizer.published()


def test_the_shipped_ranks_are_qwens() -> None:
    content = (importlib.resources.files("GOT.data") / "qwen.tiktoken").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert digest.startswith("b2b1b8df") and digest.endswith("3186")
    notice = (importlib.resources.files("GOT.data") / "NOTICE").read_text()
    assert digest in notice and "Apache" in notice


def test_there_are_the_published_entries(published: GOTTokenizer) -> None:
    assert len(published) == 151_860
    special = published.special
    assert (special.image_start, special.image_end, special.image) == (151857, 151858, 151859)
    assert (special.end_of_text, special.turn_start, special.turn_end) == (151643, 151644, 151645)


def test_the_prompt_has_the_recorded_ids(published: GOTTokenizer, golden: Any) -> None:
    """The released code's ids, recorded with the system words cut to two."""
    from GOT.data.processor import GOTProcessor, Turn

    sample = GOTProcessor(published).encode_conversation([Turn("OCR: ", None, 1)], system="You should")
    assert sample.input_ids == golden("golden-forward.json")["single"]["ids"]


def test_the_published_prompt_has_qwens_ids(published: GOTTokenizer) -> None:
    from GOT.data.processor import GOTProcessor, Turn

    ids = GOTProcessor(published).encode_conversation([Turn("OCR: ", None, 1)]).input_ids
    words = "You should follow the instructions carefully and explain your answers in detail."
    assert ids[:3] == [151644, 8948, 198] and published.decode(ids[3:16]) == words
    assert ids[16:21] == [151645, 151644, 872, 198, 151857]
    assert ids[21:277] == [151859] * 256
    assert ids[277:] == [151858, 198, 93495, 25, 220, 151645, 151644, 77091, 198]


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back(published: GOTTokenizer, tiny_tokenizer: GOTTokenizer, text: str) -> None:
    for tokenizer in (published, tiny_tokenizer):
        assert tokenizer.decode(tokenizer.encode(text)) == unicodedata.normalize("NFC", text)


def test_composed_and_decomposed_letters_have_one_encoding(published: GOTTokenizer) -> None:
    assert published.encode("e\u0301te\u0301") == published.encode("été")


def test_random_unicode_comes_back(tiny_tokenizer: GOTTokenizer) -> None:
    chance = random.Random(0)
    planes = [(32, 127), (160, 0x2FFF), (0x3000, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F9FF), (9, 13)]
    for _ in range(500):
        text = "".join(chr(chance.randint(*chance.choice(planes))) for _ in range(chance.randint(1, 40)))
        text = unicodedata.normalize("NFC", text)
        assert tiny_tokenizer.decode(tiny_tokenizer.encode(text)) == text


@pytest.mark.parametrize("control", CONTROL)
def test_control_strings_in_text_are_text(published: GOTTokenizer, control: str) -> None:
    ids = published.encode(f"a {control} b")
    assert max(ids) < len(published.ranks)
    assert published.decode(ids) == f"a {control} b"


def test_a_thousand_hostile_texts_hold_no_control_token(tiny_tokenizer: GOTTokenizer) -> None:
    chance = random.Random(1)
    for _ in range(1000):
        parts = [chance.choice([*CONTROL, "x", " ", "\n", "<|", "|>", "图"]) for _ in range(12)]
        assert max(tiny_tokenizer.encode("".join(parts))) < len(tiny_tokenizer.ranks)


def test_lone_surrogates_do_not_crash(published: GOTTokenizer) -> None:
    assert published.decode(published.encode("a\ud800b")).startswith("a")


def test_special_tokens_show_only_when_asked(published: GOTTokenizer) -> None:
    ids = [*published.encode("Hi"), published.special.turn_end, 10**6]
    assert published.decode(ids) == "Hi"
    assert published.decode(ids, skip_special_tokens=False) == f"Hi{TURN_END}"


def test_streaming_gives_whole_characters(tiny_tokenizer: GOTTokenizer) -> None:
    text = "aé漢😀\n"
    decoder = StreamDecoder(tiny_tokenizer)
    pieces = [decoder.push(token) for token in tiny_tokenizer.encode(text)]
    assert "".join(pieces) + decoder.finish() == text
    assert "\ufffd" not in "".join(pieces) and "" in pieces  # some tokens end inside a character


def test_what_is_cut_inside_a_character_is_marked(tiny_tokenizer: GOTTokenizer) -> None:
    decoder = StreamDecoder(tiny_tokenizer)
    assert decoder.push(tiny_tokenizer.encode("😀")[0]) == ""
    assert decoder.finish() == "\ufffd"


@pytest.mark.parametrize("layout", ["original", "transformers"])
def test_a_checkpoints_own_tokenizer_wins(tmp_path: Path, tiny_tokenizer: GOTTokenizer, layout: Any) -> None:
    tiny_tokenizer.save_pretrained(tmp_path, layout)
    again = GOTTokenizer.from_pretrained(tmp_path)
    assert (again.ranks, again.special_tokens, again.pattern) == (
        tiny_tokenizer.ranks, tiny_tokenizer.special_tokens, tiny_tokenizer.pattern,
    )  # fmt: skip


def test_a_folder_without_one_gets_the_published(tmp_path: Path) -> None:
    assert len(GOTTokenizer.from_pretrained(tmp_path)) == 151_860
    with pytest.raises(FileNotFoundError, match="no folder"):
        GOTTokenizer.from_pretrained(tmp_path / "mistyped")


def assert_transformers_reads(tokenizer: GOTTokenizer, folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer.save_pretrained(folder, "transformers")
    theirs = AutoTokenizer.from_pretrained(folder)
    assert len(theirs) == len(tokenizer)
    assert theirs.pad_token_id == tokenizer.special.end_of_text
    for text in [*TEXTS, "a" * 500, "x\u00a0y", "ﬁ ½ ①"]:
        assert theirs.encode(text) == tokenizer.encode(text), text
        assert theirs.decode(theirs.encode(text)) == tokenizer.decode(tokenizer.encode(text))
    for token in (END_OF_TEXT, TURN_END, "<imgpad>"):
        assert theirs.encode(token) == [tokenizer.special_tokens[token]]


def test_transformers_has_the_same_ids(tmp_path: Path, tiny_tokenizer: GOTTokenizer) -> None:
    assert_transformers_reads(tiny_tokenizer, tmp_path)


@pytest.mark.slow
def test_transformers_has_the_same_ids_with_all_entries(tmp_path: Path, published: GOTTokenizer) -> None:
    assert_transformers_reads(published, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("qwen.tiktoken", "no base64 here\n", "is not a tiktoken file"),
        ("qwen.tiktoken", "YQ== 0\n", "not a whole prefix"),
        ("tokenizer.json", "{", "is no byte-level BPE"),
        ("tokenizer.json", '{"model": {"type": "Unigram"}}', "not BPE"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": {"漢": 0}}}', "is no byte-level BPE"),
    ],
)
def test_a_damaged_tokenizer_is_an_error_of_one_line(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=said) as caught:
        GOTTokenizer.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)


def test_special_tokens_with_a_gap_are_refused(tmp_path: Path, tiny_tokenizer: GOTTokenizer) -> None:
    import json

    tiny_tokenizer.save_pretrained(tmp_path, "transformers")
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    content["added_tokens"][-1]["id"] += 5
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="without a gap"):
        GOTTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("number", [255, 0, 10**6])
def test_a_small_vocabulary_holds_at_least_all_bytes(number: int) -> None:
    with pytest.raises(ValueError, match="num_ranks must be 256"):
        GOTTokenizer.small(number)


def test_missing_special_tokens_are_named(tiny_tokenizer: GOTTokenizer) -> None:
    with pytest.raises(ValueError, match="<imgpad>"):
        GOTTokenizer(tiny_tokenizer.ranks, FULL_SPECIAL_TOKENS[:-1])
