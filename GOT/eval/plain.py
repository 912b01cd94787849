"""Score plain text: edit distance, F1, precision, recall, BLEU and METEOR, by words (pages) or characters (scenes)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from GOT.eval import tokens
from GOT.eval.bleu import count_matches, sentence_bleu, short_text_bleu
from GOT.eval.meteor import Alignment, align, load_synonyms, meteor
from GOT.eval.scores import BEST_TEXT, WORST_TEXT, Pair, Scored, StreamScore, Values, average, map_pages
from GOT.utils.lazy import require

Cut = Callable[[str, bool], list[str]]  # (text, chinese) -> tokens


def score_plain(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Score pages: words, cut by jieba where either text holds Chinese."""
    return _score(pairs, cut_words, workers)


def score_scene(pairs: Sequence[Pair], *, workers: int = 1) -> Scored:
    """Score scene texts: single characters, as the published scene tool does."""
    return _score(pairs, cut_characters, workers)


def cut_words(text: str, chinese: bool) -> list[str]:
    """Words of a page."""
    return tokens.split_words(text, chinese=chinese)


def cut_characters(text: str, chinese: bool) -> list[str]:
    """Characters, white space among them."""
    return list(text)


def edit_distance(*, reference: str, prediction: str) -> float:
    """Levenshtein distance by code points over the longer text's length: 0 equal, 1 nothing in common.

    Raises:
        ZeroDivisionError: If both texts are empty, as the published tools do.
    """
    levenshtein = require("rapidfuzz.distance.Levenshtein", extra="eval")
    longest = max(len(reference), len(prediction))
    # Most answers have few errors: the search widens from there as far as it must, and stays exact.
    expected = longest // 20
    return levenshtein.distance(reference, prediction, score_hint=expected) / longest


def character_error_rate(*, reference: str, prediction: str) -> float:
    """Characters to insert, delete or replace, over the reference's length; 0 is exact, an answer too long exceeds 1.

    A run of white space counts as one blank, so where a line was broken is no error.
    """
    reference, prediction = " ".join(reference.split()), " ".join(prediction.split())
    if not reference:
        return float(bool(prediction))
    levenshtein = require("rapidfuzz.distance.Levenshtein", extra="eval")
    return levenshtein.distance(reference, prediction, score_hint=len(reference) // 20) / len(reference)


def score_text(pair: Pair, cut: Cut = cut_words) -> StreamScore:
    """Both modes' scores of one page."""
    shared = _Shared()
    compat, note = compat_text(pair.reference, pair.prediction, cut, shared)
    return StreamScore(compat=compat, strict=strict_text(pair, cut, shared), note=note)


def compat_text(
    label: str, answer: str, cut: Cut = cut_words, shared: _Shared | None = None
) -> tuple[Values | None, str]:
    """The numbers the published tools print for one page, or ``None`` where they drop it, and why.

    They hand ``(label, answer)`` to a function of ``(prediction, reference)``: what they call precision is the recall,
    BLEU and METEOR take the answer for the reference. Precision, recall and F1 look at the *set* of tokens, so repeated
    text goes unseen.

    Source:
        pyevaltools/eval_ocr.py and eval_ocr_scene.py of Ucas-HaoranWei/GOT-OCR2.0, eval_ocr_test.py of ucaslcl/Fox.
    """
    if len(label) < 1 or len(answer) < 1:
        return None, ""
    chinese = tokens.has_chinese(label, answer)
    reference, hypothesis = cut(answer, chinese), cut(label, chinese)
    if not reference or not hypothesis:
        return (
            None,
            "the published tool stops (TypeError) at a page of white space only; compat leaves it out",
        )
    ours, theirs = set(hypothesis), set(reference)
    common = len(ours & theirs)
    precision, recall = common / len(ours), common / len(theirs)
    shared = shared or _Shared()
    matches, alignment = shared.compare(page=hypothesis, answer=reference, exchanged=True)
    return {
        "edit_distance": shared.edit_distance(page=label, answer=answer),
        "f1": 1.0 / (0.5 / precision + (1 - 0.5) / recall) if common else 0.0,
        "precision": precision,
        "recall": recall,
        "bleu": sentence_bleu(reference=reference, prediction=hypothesis, matches=matches),
        "meteor": meteor(
            reference=reference, prediction=hypothesis, synonyms=load_synonyms(), alignment=alignment
        ),
    }, ""


def strict_text(pair: Pair, cut: Cut = cut_words, shared: _Shared | None = None) -> Values:
    """The scores of one page, roles right.

    The reference alone decides how both texts are cut, white space is no token, every token counts as often as it
    stands there, and both texts are brought to Unicode's composed form first. An exact answer scores 1 however short
    it is, a blank page read as blank too; a failed page, or an empty answer to a page with text, scores the worst
    everywhere.
    """
    if pair.failed:
        return dict(WORST_TEXT)
    reference_text, prediction_text = tokens.nfc(pair.reference), tokens.nfc(pair.prediction)
    if reference_text == prediction_text:
        return dict(BEST_TEXT)
    chinese = tokens.has_chinese(reference_text)
    reference = tokens.without_space(cut(reference_text, chinese))
    prediction = tokens.without_space(cut(prediction_text, chinese))
    if not reference or not prediction:
        # Both blank, if with other white space: as good as it gets. One of them blank: worst.
        return dict(WORST_TEXT if reference or prediction else BEST_TEXT)
    shared = shared or _Shared()
    matches, alignment = shared.compare(page=reference, answer=prediction, exchanged=False)
    precision, recall = matches[0] / len(prediction), matches[0] / len(reference)
    return {
        "cer": character_error_rate(reference=reference_text, prediction=prediction_text),
        "edit_distance": shared.edit_distance(page=reference_text, answer=prediction_text),
        "f1": 2 * precision * recall / (precision + recall) if matches[0] else 0.0,
        "precision": precision,
        "recall": recall,
        "bleu": short_text_bleu(reference=reference, prediction=prediction, matches=matches),
        "meteor": meteor(
            reference=reference,
            prediction=prediction,
            synonyms=load_synonyms(),
            whole_is_one=True,
            alignment=alignment,
        ),
    }


class _Shared:
    """What both modes need of one page, kept for the second mode where it has the very same texts."""

    def __init__(self) -> None:
        self._compared: tuple[list[str], list[str], list[int], Alignment] | None = None
        self._measured: tuple[str, str, float] | None = None

    def compare(self, *, page: list[str], answer: list[str], exchanged: bool) -> tuple[list[int], Alignment]:
        """Shared runs and alignment of page and answer; ``exchanged`` takes the answer for the reference."""
        # With synonyms the alignment depends on which text is the reference.
        if self._compared and self._compared[:2] == (page, answer) and load_synonyms() is None:
            return self._compared[2:]
        reference, prediction = (answer, page) if exchanged else (page, answer)
        alignment = align(reference=reference, prediction=prediction, synonyms=load_synonyms())
        self._compared = page, answer, count_matches(page, answer), alignment
        return self._compared[2:]

    def edit_distance(self, *, page: str, answer: str) -> float:
        """Edit distance of page and answer."""
        if not self._measured or self._measured[:2] != (page, answer):
            self._measured = page, answer, edit_distance(reference=page, prediction=answer)
        return self._measured[2]


def warm_up(pairs: Sequence[Pair]) -> None:
    """Load what scoring these pairs needs (stemmer, synonyms, jieba's dictionary) before it is timed or forked."""
    meteor(reference=["reading"], prediction=["reads"], synonyms=load_synonyms())
    edit_distance(reference="a", prediction="b")
    if any(tokens.has_chinese(pair.reference, pair.prediction) for pair in pairs):
        tokens.split_words("中文", chinese=True)


def _score(pairs: Sequence[Pair], cut: Cut, workers: int) -> Scored:
    warm_up(pairs)
    pages = map_pages(functools.partial(_score_page, cut=cut), pairs, workers=workers)
    return Scored([average(pairs, pages)], pages)


def _score_page(pair: Pair, cut: Cut) -> dict[str, StreamScore]:
    return {"": score_text(pair, cut)}
