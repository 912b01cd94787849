"""One page's answer: by which rules it is decoded, how it is tried again, what it says about its page once it is there.

The same for pages one after the other (``pipeline``) and side by side (``engine``).
"""

from __future__ import annotations

import dataclasses
import math

from GOT.data.tokenizer import GOTTokenizer, StreamDecoder
from GOT.inference.generation import Answer, GenerationSettings
from GOT.inference.guards import lines_confidence
from GOT.inference.preparation import Prepared, ReadRequest
from GOT.inference.results import PageResult, Status

PUBLISHED_NGRAM_SIZE = 20  # of the released demo for single views; its crop and multi-page demo has none
RETRY_NGRAM_SIZE = 8  # short enough to break a loop that 20 let through

_STATUS: dict[str, Status] = {"stop": "ok", "length": "truncated", "repetition": "repeated"}


def stop_ids(tokenizer: GOTTokenizer) -> frozenset[int]:
    """Tokens that end an answer."""
    return frozenset({tokenizer.special.turn_end, tokenizer.special.end_of_text})


def ngram_size(prepared: Prepared, settings: GenerationSettings) -> int:
    """The n-gram rule of a page: as asked, or as published."""
    if settings.no_repeat_ngram_size is not None:
        return settings.no_repeat_ngram_size
    return PUBLISHED_NGRAM_SIZE if prepared.task.layout == "single" else 0


def second_tries(
    prepared: Prepared, settings: GenerationSettings
) -> list[tuple[ReadRequest, GenerationSettings]]:
    """How to read a page that looped again: with a stricter n-gram rule, then cut into tiles."""
    request = prepared.request
    stricter = dataclasses.replace(settings, no_repeat_ngram_size=RETRY_NGRAM_SIZE, retry=False)
    attempts = [(request, stricter)]
    if prepared.task.layout == "single" and request.box is None and request.color is None:
        published = dataclasses.replace(stricter, no_repeat_ngram_size=PUBLISHED_NGRAM_SIZE)
        attempts.append((dataclasses.replace(request, crop=True), published))
    return attempts


def result_of(prepared: Prepared, answer: Answer, tokenizer: GOTTokenizer) -> PageResult:
    """What a finished answer says about its page."""
    assert answer.finish_reason is not None, "decoding ended before the answer did"
    decoder = StreamDecoder(tokenizer)
    pieces = [decoder.push(token) for token in answer.token_ids]
    logprobs = answer.logprobs
    return PageResult(
        text="".join(pieces) + decoder.finish(),
        status=_STATUS[answer.finish_reason],
        finish_reason=answer.finish_reason,
        name=prepared.request.name,
        page=prepared.request.page,
        question=prepared.question,
        confidence=math.exp(sum(logprobs) / len(logprobs)) if logprobs else None,
        line_confidences=lines_confidence(pieces, logprobs) if logprobs else (),
        num_tokens=len(answer.token_ids),
        num_views=prepared.num_views,
    )
