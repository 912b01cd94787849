"""English words to Porter stems, exactly nltk's ``PorterStemmer().stem``; importing nltk alone takes a second or more.

Porter 1980, "An algorithm for suffix stripping", with the departures that nltk makes (Porter's own later ones among
them), each marked below. The measure ``m`` of a stem counts its vowel groups that consonants follow.
"""

from __future__ import annotations

import functools

_VOWELS = "aeiou"
# nltk keeps these from the rules.
_IRREGULAR = {
    "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
    "innings": "inning", "inning": "inning", "outings": "outing", "outing": "outing",
    "cannings": "canning", "canning": "canning", "howe": "howe",
    "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}  # fmt: skip

# (ending, what takes its place) where the stem's measure is above 0; the first that fits decides.
_STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
)  # fmt: skip
_STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
# Endings that go where the stem's measure is above 1.
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
    "iti", "ous", "ive", "ize",
)  # fmt: skip

# Every rule, and every irregular word, ends in one of these.
_ENDINGS = tuple(
    "s e y ed ing al er ic ant ent ion ou ism iti ful ll ator "
    "enci anci bli alli entli eli ousli fulli logi".split()
)


@functools.lru_cache(maxsize=1 << 18)
def stem(word: str) -> str:
    """The Porter stem of a word in lower case."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2 or not word.endswith(_ENDINGS):
        return word
    word = _past(_plural(word))
    if (
        word.endswith("y") and len(word) > 2 and _shape(word[:-1])[-1] == "c"
    ):  # nltk's condition, not Porter's
        word = f"{word[:-1]}i"
    word = _replace(_double_endings(word), _STEP_3)
    return _final_letters(_drop(word))


def _plural(word: str) -> str:
    if not word.endswith("s"):
        return word
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]  # nltk: "dies" to "die"
    return word if word.endswith("ss") else word[:-1]


def _past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]  # nltk: "died" to "die", "spied" to "spi"
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    for ending in ("ed", "ing"):
        if word.endswith(ending) and "v" in _shape(word[: -len(ending)]):
            return _mend(word[: -len(ending)])
    return word


def _mend(word: str) -> str:
    """A word that lost -ed or -ing: give it back its e, or take its doubled consonant."""
    if word.endswith(("at", "bl", "iz")):
        return f"{word}e"
    if len(word) > 1 and word[-1] == word[-2] and _shape(word)[-1] == "c":
        return word if word[-1] in "lsz" else word[:-1]
    return f"{word}e" if _measure(word) == 1 and _ends_short(word) else word


def _double_endings(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]):
        return _double_endings(word[:-2])  # nltk: "generalli" to "general", then on
    if word.endswith("logi") and not word.endswith(tuple(ending for ending, _ in _STEP_2)):
        return word[:-1] if _measure(word[:-3]) else word  # Porter's later rule; the l counts to the stem
    return _replace(word, _STEP_2)


def _replace(word: str, rules: tuple[tuple[str, str], ...]) -> str:
    for ending, new in rules:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            return rest + new if _measure(rest) else word
    return word


def _drop(word: str) -> str:
    for ending in _STEP_4:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            fits = _measure(rest) > 1 and (ending != "ion" or rest[-1] in "st")
            return rest if fits else word
    return word


def _final_letters(word: str) -> str:
    if word.endswith("e"):
        rest = word[:-1]
        measure = _measure(rest)
        if measure > 1 or (measure == 1 and not _ends_short(rest)):
            word = rest
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _ends_short(word: str) -> bool:
    """Consonant, vowel, consonant other than w, x, y at the end; or, nltk's addition, just vowel and consonant."""
    shape = _shape(word)
    return (shape[-3:] == "cvc" and word[-1] not in "wxy") or shape == "vc"


def _measure(word: str) -> int:
    return _shape(word).count("vc")


def _shape(word: str) -> str:
    """A ``v`` for every vowel and a ``c`` for every other character; y after a consonant is a vowel."""
    shape = ""
    for character in word:
        shape += "v" if character in _VOWELS or (character == "y" and shape[-1:] == "c") else "c"
    return shape
