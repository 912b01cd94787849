"""Two engines of one checkpoint to how far they agree: the same answers, and the same choice at every single step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from GOT.data.image import open_image
from GOT.data.processor import GOTProcessor, ModelInputs
from GOT.data.prompt import build_question, choose_task
from GOT.inference.answers import PUBLISHED_NGRAM_SIZE, stop_ids
from GOT.inference.backends import Backend
from GOT.inference.generation import Answer, NoRepeatNgram, choose_greedily, decode

MAX_TOKENS = 256  # of a sample's answer: a page of print; longer ones are compared as far as this
SAMPLES = (
    Path(__file__).resolve().parents[2] / "assets" / "samples"
)  # in a checkout; a wheel has the drawn pages
# Print of several kinds; more pages would take minutes with the published size.
SAMPLE_NAMES = ("page.png", "letter.png", "receipt.png", "line-1.png", "paragraph-zh.png", "formula.png")


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far a candidate agrees with a reference.

    Attributes:
        pages: Samples compared.
        same_texts: Samples of which both give the same greedy answer.
        tokens: Steps at which the candidate was shown the reference's answer so far.
        same_tokens: Steps at which it then chose the reference's next token.
    """

    pages: int
    same_texts: int
    tokens: int
    same_tokens: int

    @property
    def holds(self) -> bool:
        """Whether every answer is the same."""
        return self.same_texts == self.pages

    @property
    def argmax(self) -> float:
        """Share of steps with the same choice."""
        return self.same_tokens / max(1, self.tokens)

    def __str__(self) -> str:
        return (
            f"{self.same_texts} of {self.pages} answers the same, "
            f"{self.same_tokens} of {self.tokens} tokens ({100 * self.argmax:.2f}%)"
        )


@dataclasses.dataclass(frozen=True)
class Reference:
    """Samples and what the reference answers to them; made once, compared with several candidates."""

    samples: tuple[ModelInputs, ...]
    answers: tuple[tuple[int, ...], ...]  # with the stop token, where there was one
    stop_ids: frozenset[int]


def read_samples(
    backend: Backend,
    processor: GOTProcessor,
    samples: Sequence[ModelInputs],
    *,
    max_tokens: int = MAX_TOKENS,
    progress: Callable[[], object] = lambda: None,
) -> Reference:
    """Let the reference answer.

    Args:
        backend: The reference.
        processor: The checkpoint's, for the stop tokens.
        samples: Prompts, as :func:`sample_prompts` makes them.
        max_tokens: Longest answer that is compared.
        progress: Called after every sample.
    """
    tokenizer = processor.tokenizer
    stops = stop_ids(tokenizer)
    answers = []
    for inputs in samples:
        answer = _answer(backend, inputs, stops, max_tokens)
        ended = (tokenizer.special.turn_end,) if answer.finish_reason == "stop" else ()
        answers.append((*answer.token_ids, *ended))
        progress()
    return Reference(tuple(samples), tuple(answers), stops)


def compare(
    reference: Reference, candidate: Backend, *, progress: Callable[[], object] = lambda: None
) -> Agreement:
    """Ask the candidate the same, once freely and once led along the reference's answers."""
    same_texts = tokens = same_tokens = 0
    for inputs, wanted in zip(reference.samples, reference.answers, strict=True):
        chosen = _led_choices(candidate, inputs, wanted)
        same = sum(a == b for a, b in zip(chosen, wanted, strict=True))
        tokens, same_tokens = tokens + len(wanted), same_tokens + same
        if same == len(wanted):  # led and free are the same path
            same_texts += 1
        else:
            free = _answer(candidate, inputs, reference.stop_ids, len(wanted))
            plain = [token for token in wanted if token not in reference.stop_ids]
            ended = free.finish_reason == "stop" or len(plain) == len(wanted)
            same_texts += free.token_ids == plain and ended
        progress()
    return Agreement(len(reference.samples), same_texts, tokens, same_tokens)


def sample_prompts(processor: GOTProcessor, folder: Path = SAMPLES) -> list[ModelInputs]:
    """The fixed pages that every export is tried on: the shipped samples, and pages drawn here.

    The last one is asked in the crop layout (two views), since a mistake may hide in how views are joined.
    """
    pictures = [open_image(folder / name) for name in SAMPLE_NAMES if (folder / name).is_file()]
    drawn = [draw_page(seed, 640, 480 + 160 * seed) for seed in range(2)]
    plain, formatted = choose_task("ocr"), choose_task("format")
    prompts = [processor.encode_request([page], build_question(plain)) for page in (*pictures, *drawn)]
    prompts.append(processor.encode_request([drawn[1]], build_question(formatted)))
    crop = choose_task("ocr", crop=True)
    views = processor.views_of([draw_page(3, 1400, 700)], "crop", max_tiles=2)
    prompts.append(processor.encode_request(views, build_question(crop)))
    return prompts


def draw_page(seed: int, width: int, height: int) -> Image.Image:
    """Lines of words and numbers in Pillow's own font: print that any reading checkpoint reads."""
    words = (
        "harbour letter window seven garden paper 1.25 north table 48% river silver 2031 market light".split()
    )
    random = torch.Generator().manual_seed(seed)
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    size = 24 + 4 * seed
    for top in range(40, height - 2 * size, int(1.6 * size)):
        chosen = torch.randint(len(words), (max(2, width // (6 * size)),), generator=random)
        draw.text((40, top), " ".join(words[int(index)] for index in chosen), fill="black", font_size=size)
    return page


def _answer(backend: Backend, inputs: ModelInputs, stop_ids: frozenset[int], max_tokens: int) -> Answer:
    *_, answers = decode(
        backend.start([inputs]),
        [inputs.input_ids.tolist()],
        stop_ids=stop_ids,
        max_new_tokens=max_tokens,
        no_repeat_ngram_size=PUBLISHED_NGRAM_SIZE,
        stop_on_loop=False,  # a cut answer would compare less
    )
    return answers[0]


def _led_choices(backend: Backend, inputs: ModelInputs, wanted: Sequence[int]) -> list[int]:
    """The candidate's choice at every step of somebody else's answer, the n-gram rule on."""
    session = backend.start([inputs])
    rule = NoRepeatNgram(PUBLISHED_NGRAM_SIZE, inputs.input_ids.tolist())
    chosen: list[int] = []
    for position, token in enumerate(wanted):
        tokens, _ = choose_greedily(session.logits, [rule.banned()])
        chosen.append(int(tokens[0]))
        rule.push(token)
        if position + 1 < len(wanted):
            session.step(torch.tensor([token]))
    return chosen
