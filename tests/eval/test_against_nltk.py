"""Random texts scored by ours and by nltk and jieba used directly: equal to the last bit."""

from __future__ import annotations

import logging
import random
import tempfile

import pytest

from GOT.eval import tokens
from GOT.eval.bleu import sentence_bleu
from GOT.eval.chinese import cut_chinese
from GOT.eval.meteor import load_synonyms, meteor
from GOT.eval.plain import compat_text, cut_characters, cut_words, edit_distance
from GOT.eval.porter import stem

nltk_bleu = pytest.importorskip("nltk.translate.bleu_score")
nltk_meteor = pytest.importorskip("nltk.translate.meteor_score")
nltk_distance = pytest.importorskip("nltk.metrics.distance")
nltk_scores = pytest.importorskip("nltk.metrics.scores")
jieba = pytest.importorskip("jieba")

ENGLISH = """the The a of and running runs runner reader readers section Section 1 2.5 12,000 table tables theory
relational conditional happy happiness car automobile , . ( ) \\frac{a}{b} naïve café coöperate don't e-mail""".split()
CHINESE = "光学字符识别是计算机视觉中的一个经典问题本文提出了统一模型。，、；：？！（）《》深度学习北京大学研究生命起源"
OTHER = [
    "😀",
    "👩‍👩‍👧",
    "á",
    "á",
    "ﬁ",
    "\t",
    "\n",
    "\r\n",
    "　",
    "٣",
    "Ⅳ",
    "あ",
    "한",
    "C++",
    "A4",
    "3.14%",
    "x_1",
    "𠮷",
]
PAIRS = 5_000

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # nltk warns about short texts


def random_text(rng: random.Random) -> str:
    kind = rng.random()
    length = rng.choice((0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 25))
    if kind < 0.03:
        return rng.choice(("", " ", "\n", " \t\n "))
    if kind < 0.45:
        return rng.choice((" ", " ", "\n")).join(rng.choices(ENGLISH, k=length))
    if kind < 0.80:
        return "".join(rng.choices(CHINESE, k=length))
    return "".join(rng.choice((*ENGLISH, *CHINESE, *OTHER, " ", " ")) for _ in range(length))


def noisy(text: str, rng: random.Random) -> str:
    """The same text misread: characters changed, dropped, doubled, and sometimes cut off or repeated."""
    characters = list(text)
    for _ in range(rng.choice((0, 0, 1, 3, 10))):
        if characters:
            place = rng.randrange(len(characters))
            characters[place] = rng.choice(
                ("", characters[place] * 2, "x", "的", characters[place].swapcase())
            )
    text = "".join(characters)
    return rng.choice((text, text, text, text[: len(text) // 2], text * 2))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    rng = random.Random(20240903)
    texts = [random_text(rng) for _ in range(PAIRS)]
    found = [(text, noisy(text, rng) if rng.random() < 0.8 else random_text(rng)) for text in texts]
    long_english = " ".join(rng.choices(ENGLISH, k=900))
    long_chinese = "".join(rng.choices(CHINESE, k=3_000))
    return [*found, (long_english, noisy(long_english, rng)), (long_chinese, noisy(long_chinese, rng))]


@pytest.fixture(scope="module")
def jieba_cut():
    jieba.setLogLevel(logging.ERROR)
    tokenizer = jieba.Tokenizer()
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
    return tokenizer.lcut


class NoSynonyms:
    @staticmethod
    def synsets(word):
        return []


def direct(label, answer, cut):
    """The published computation, spelled out with nltk."""
    reference, hypothesis = cut(answer), cut(label)
    if len(label) < 1 or len(answer) < 1 or not reference or not hypothesis:
        return None
    wordnet = {} if load_synonyms() else {"wordnet": NoSynonyms}
    return {
        "edit_distance": nltk_distance.edit_distance(label, answer) / max(len(label), len(answer)),
        "f1": nltk_scores.f_measure(set(reference), set(hypothesis)),
        "precision": nltk_scores.precision(set(reference), set(hypothesis)),
        "recall": nltk_scores.recall(set(reference), set(hypothesis)),
        "bleu": nltk_bleu.sentence_bleu([reference], hypothesis),
        "meteor": nltk_meteor.meteor_score([reference], hypothesis, **wordnet),
    }


def test_words_score_as_nltk_scores_them(pairs, jieba_cut):
    scored = 0
    for label, answer in pairs:
        if max(len(label), len(answer)) > 400:
            continue  # nltk's edit distance takes seconds a page; the long pairs are below
        cut = jieba_cut if tokens.has_chinese(label, answer) else str.split
        expected = direct(label, answer, cut)
        assert compat_text(label, answer, cut_words)[0] == expected, (label, answer)
        scored += expected is not None
    assert scored > PAIRS * 0.75


def test_characters_score_as_nltk_scores_them(pairs):
    for label, answer in pairs[:500]:
        if max(len(label), len(answer)) < 400:
            assert compat_text(label, answer, cut_characters)[0] == direct(label, answer, list), (
                label,
                answer,
            )


def test_long_pages(pairs, jieba_cut):
    for label, answer in pairs[-2:]:
        chinese = tokens.has_chinese(label, answer)
        reference, hypothesis = cut_words(answer, chinese), cut_words(label, chinese)
        assert reference == (jieba_cut(answer) if chinese else answer.split())
        assert sentence_bleu(reference=reference, prediction=hypothesis) == nltk_bleu.sentence_bleu(
            [reference], hypothesis
        )
        assert meteor(reference=reference, prediction=hypothesis, synonyms=None) == nltk_meteor.meteor_score(
            [reference], hypothesis, wordnet=NoSynonyms
        )
    label, answer = pairs[-2][0][:900], pairs[-2][1][:900]
    assert edit_distance(reference=label, prediction=answer) * 900 == nltk_distance.edit_distance(
        label, answer
    )


def test_synonyms_are_paired_as_nltk_pairs_them():
    # A WordNet of our own, so that this holds where none is installed.
    rng = random.Random(3)
    words = ["car", "auto", "machin", "truck", "lorri", "vehicl", "red", "crimson"]
    names = {word: frozenset(rng.sample([*words, "motor_car"], 4)) for word in words}

    class WordNet:
        @staticmethod
        def synsets(stem):
            return [Synset(names.get(stem, ()))]

    class Synset(tuple):
        def __new__(cls, lemmas):
            return super().__new__(cls, [Lemma(name) for name in lemmas])

        def lemmas(self):
            return self

    class Lemma(str):
        def name(self):
            return str(self)

    def synonyms(stem):
        return frozenset(name for name in names.get(stem, ()) if "_" not in name)

    for _ in range(500):
        reference, prediction = (rng.choices([*words, "the", "machines"], k=rng.randint(1, 9)) for _ in "ab")
        assert meteor(
            reference=reference, prediction=prediction, synonyms=synonyms
        ) == nltk_meteor.meteor_score([reference], prediction, wordnet=WordNet)


def test_every_word_has_the_stem_that_nltk_gives_it(jieba_cut):
    # Every ending of three letters, every rule, one after another too, and words of a dictionary.
    porter = pytest.importorskip("nltk.stem.porter").PorterStemmer()
    letters = "abcdefghijklmnopqrstuvwxyz"
    rng = random.Random(11)
    beginnings = ["", "b", "rat", "control", "yay", "inter", "7", "é"]
    words = [rng.choice(beginnings) + a + b + c for a in letters for b in letters for c in letters]
    suffixes = """ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness fulness
    ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement
    ment ent ion ou ism ate iti ous ive ize e ll s es ies sses ed eed ied ing y""".split()
    words += [beginning + suffix for beginning in beginnings for suffix in suffixes]
    words += list(porter.pool)
    for _ in range(20_000):
        beginning = "".join(rng.choices("aeiouybcdlmnrstwxz'é", k=rng.randint(0, 5)))
        words.append(beginning + "".join(rng.choices(suffixes, k=rng.randint(1, 3))))
    words += rng.sample(list(jieba_cut.__self__.FREQ), 2_000)
    for word in map(str.lower, words):
        assert stem(word) == porter.stem(word), word


@pytest.mark.parametrize("share", (0.0, 0.01, 0.05, 0.3, 0.9))
def test_edit_distance_is_exact_however_many_errors_are_expected(share):
    rng = random.Random(17)
    for length in (1, 19, 20, 64, 200, 700):
        text = "".join(rng.choices(CHINESE, k=length))
        other = "".join(rng.choice(("", "x", char * 2)) if rng.random() < share else char for char in text)
        longest = max(len(text), len(other))
        expected = nltk_distance.edit_distance(text, other) / longest
        assert edit_distance(reference=text, prediction=other) == expected


def test_every_text_is_cut_as_jieba_cuts_it(pairs, jieba_cut):
    words = list(jieba_cut.__self__.FREQ)
    rng = random.Random(7)
    texts = {text for pair in pairs for text in pair}
    texts |= {
        "".join(rng.choices(words, k=rng.choice((2, 8, 30)))) for _ in range(1_000)
    }  # rare words, odd joins
    texts |= {
        "".join(chr(rng.randrange(0x4E00, 0x9FD6)) for _ in range(20)) for _ in range(300)
    }  # any character
    assert len(texts) > PAIRS
    for text in texts:
        assert cut_chinese(text) == jieba_cut(text), text


def test_pages_longer_than_nltk_allows_are_scored():
    # nltk 3.10.3 and later refuse texts above 2,000 characters, which nearly every page is.
    assert edit_distance(reference="a" * 5_000, prediction="a" * 4_999 + "b") == 1 / 5_000
