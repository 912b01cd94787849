"""Pages in, truth about them out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from GOT.data.processor import GOTProcessor
from GOT.inference.answers import RETRY_NGRAM_SIZE, ngram_size
from GOT.inference.documents import Page, PageSource
from GOT.inference.generation import Answer, GenerationSettings
from GOT.inference.pipeline import GOTPipeline
from GOT.inference.preparation import ReadRequest
from tests.helpers import draw_page, make_pdf


def test_a_page_is_read_with_all_that_is_known_about_it(pipeline: GOTPipeline, page: Path) -> None:
    (result,) = pipeline.read(page)
    assert result.text and result.num_tokens == 24
    assert (result.status, result.finish_reason) == ("truncated", "length")
    assert (result.name, result.page, result.question) == (str(page), None, "OCR: ")
    assert result.confidence is not None and 0 < result.confidence < 1
    assert len(result.line_confidences) == len(result.text.split("\n"))
    assert result.num_views == 1 and result.seconds > 0 and result.attempts == 1
    assert set(result.to_dict()) >= {"text", "status", "finish_reason", "confidence", "num_tokens", "seconds"}


def test_batches_read_what_single_pages_read(pipeline: GOTPipeline) -> None:
    pages = [draw_page(text=text) for text in ("one", "two two", "three", "4")]
    pages.insert(2, Image.new("RGB", (50, 50), "white"))
    alone = pipeline.read(pages, batch_size=1)
    for batch_size in (2, 5, 8):
        together = pipeline.read(pages, batch_size=batch_size)
        assert [r.text for r in together] == [r.text for r in alone]
        assert [r.status for r in together] == [r.status for r in alone]
    assert alone.pages[2].status == "blank"


def test_a_picture_in_memory_is_read_as_its_file(pipeline: GOTPipeline, tmp_path: Path) -> None:
    drawn = draw_page(text="turned").convert("RGBA")
    clear = Image.new("RGBA", drawn.size, (0, 0, 0, 0))  # black where it is transparent
    clear.paste(drawn.crop((60, 60, 140, 120)), (60, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    clear.save(tmp_path / "clear.png", exif=exif)
    from_file = pipeline.prepare(ReadRequest(tmp_path / "clear.png"))
    with Image.open(tmp_path / "clear.png") as image:
        in_memory = pipeline.prepare(ReadRequest(image))
        assert image.mode == "RGBA" and image.size == drawn.size  # the caller keeps his picture
    assert in_memory.page_sizes == from_file.page_sizes == (drawn.size[::-1],)
    assert from_file.inputs is not None and in_memory.inputs is not None
    assert torch.equal(in_memory.inputs.pixel_values, from_file.inputs.pixel_values)
    (failed,) = pipeline.read(Image.new("RGB", (3, 300)))
    assert failed.status == "failed" and "nothing can be read under 4 pixels" in str(failed.error)


@pytest.mark.parametrize(
    "wrong", [{"backend": "tpu"}, {"device": "gpu"}, {"dtype": "int3", "backend": "torch", "device": "cpu"}]
)
def test_a_wrong_engine_is_told_before_anything_is_fetched(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "GOT.inference.pipeline.resolve_folder", lambda *_, **__: pytest.fail("it was fetched")
    )
    with pytest.raises(ValueError, match=r"tpu|gpu|int3"):
        GOTPipeline.from_pretrained("owner/huge", **wrong)


def test_a_page_of_a_document_is_a_source(pipeline: GOTPipeline, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(make_pdf(draw_page(text="one"), draw_page(text="two")))
    both = pipeline.read(tmp_path / "x.pdf", dpi=72)
    (second,) = pipeline.read(PageSource(str(tmp_path / "x.pdf"), 2, dpi=72))
    assert (second.text, second.name, second.page) == (both.pages[1].text, str(tmp_path / "x.pdf"), 2)


def test_streaming_gives_the_same_text(pipeline: GOTPipeline) -> None:
    page = draw_page(text="stream")
    pieces = pipeline.stream(ReadRequest(page))
    given = []
    while True:
        try:
            given.append(next(pieces))
        except StopIteration as end:
            result = end.value
            break
    assert len(given) > 1
    assert "".join(given) == result.text == pipeline.read(page).text
    assert result.status == "truncated" and result.confidence is not None


def test_streaming_a_blank_page_gives_nothing(pipeline: GOTPipeline) -> None:
    with pytest.raises(StopIteration) as end:
        next(pipeline.stream(ReadRequest(Image.new("RGB", (99, 99), "white"))))
    assert end.value.value.status == "blank"


def test_the_model_is_not_asked_about_a_blank_page(
    pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.backend, "start", None)
    (result,) = pipeline.read(Image.new("RGB", (400, 300), "white"))
    assert (result.status, result.text, result.confidence) == ("blank", "", None)


@pytest.mark.parametrize(
    ("arguments", "question", "views"),
    [
        ({}, "OCR: ", 1),
        ({"task": "format"}, "OCR with format: ", 1),
        ({"box": [24, 18, 120, 90]}, "[100, 100, 500, 500] OCR: ", 1),
        ({"box": [24, 18, 120, 90], "box_mode": "crop"}, "OCR: ", 1),
        ({"color": "red", "task": "format"}, "[red] OCR with format: ", 1),
        ({"crop": True}, "OCR upon the patch reference: ", 7),
        ({"crop": True, "task": "format", "max_tiles": 2}, "OCR with format upon the patch reference: ", 3),
        ({"question": "Translate: "}, "Translate: ", 1),
    ],
)
def test_questions_and_views(
    pipeline: GOTPipeline, arguments: dict[str, Any], question: str, views: int
) -> None:
    page = draw_page(240, 180) if "crop" not in arguments else draw_page(384, 256)
    (result,) = pipeline.read(page, **arguments)
    assert (result.question, result.num_views) == (question, views)


def test_a_cut_box_shows_nothing_else(pipeline: GOTPipeline) -> None:
    page = draw_page()
    prepared = pipeline.prepare(ReadRequest(page, box=(10, 10, 110, 60), box_mode="crop"))
    alone = pipeline.prepare(ReadRequest(page.crop((10, 10, 110, 60))))
    assert prepared.inputs is not None and alone.inputs is not None
    assert torch.equal(prepared.inputs.pixel_values, alone.inputs.pixel_values)


def test_many_pages_become_one_answer(pipeline: GOTPipeline, tmp_path: Path) -> None:
    for number in (10, 9, 1):
        draw_page(text=str(number)).save(tmp_path / f"page_{number}.png")
    (result,) = pipeline.read(tmp_path, multi_page=True)
    assert result.num_views == 3 and result.question == "OCR with format across multi pages: "
    in_order = [tmp_path / f"page_{number}.png" for number in (1, 9, 10)]
    assert pipeline.read(in_order, multi_page=True).text == result.text
    assert pipeline.read(in_order[::-1], multi_page=True).text != result.text
    assert pipeline.read(in_order, task="multi-page").text == result.text


def test_a_bad_page_is_told_and_the_others_are_read(pipeline: GOTPipeline, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.png", tmp_path / "b.png"
    draw_page().save(good)
    bad.write_text("no picture")
    results = pipeline.read([good, bad, tmp_path / "absent.png", good], batch_size=4).pages
    assert [r.status for r in results] == ["truncated", "failed", "failed", "truncated"]
    assert "is not an image" in str(results[1].error) and "There is no file" in str(results[2].error)
    failed, joined = pipeline.read([good, bad, good], multi_page=True).pages
    assert failed.status == "failed" and joined.num_views == 2


def test_a_bad_box_fails_its_page_only(pipeline: GOTPipeline) -> None:
    small, large = draw_page(100, 100), draw_page(400, 400)
    results = pipeline.read([small, large], box=[0, 0, 300, 300], batch_size=2).pages
    assert [r.status for r in results] == ["failed", "truncated"]
    assert "reaches out of the 100x100 page" in str(results[0].error)


@pytest.mark.parametrize(
    "wrong",
    [{"task": "read"}, {"color": "pink"}, {"crop": True, "multi_page": True}, {"pages": "x"}, {"batch_size": 0},
     {"multi_page": True, "color": "red"}, {"dpi": 1}],
)  # fmt: skip
def test_a_wrong_call_is_an_error_of_the_call(
    pipeline: GOTPipeline, page: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"got|choose|exclude|takes|box"):
        pipeline.read(page, **wrong)


def test_pages_of_a_pdf(pipeline: GOTPipeline, tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf(*(draw_page(text=str(i)) for i in range(4))))
    document = pipeline.read(path, pages="2-3,9", dpi=72)
    assert [r.page for r in document] == [2, 3, None]
    assert document.pages[2].error == f"{path} has 4 pages; --pages asks for 9 too."
    assert document.text.count("\f") == 2


# ---- loops


class Scripted:
    """Stands in for decoding: hands out answers in the order of its calls."""

    def __init__(self, pipeline: GOTPipeline, answers: Sequence[tuple[str, str]]) -> None:
        self.pipeline, self.answers = pipeline, list(answers)
        self.calls: list[tuple[Any, GenerationSettings]] = []

    def __call__(self, batch: Sequence[Any], settings: GenerationSettings) -> Iterator[list[Answer]]:
        self.calls.append((batch, settings))
        given = [self.answers.pop(0) for _ in batch]
        encode = self.pipeline.processor.tokenizer.encode
        yield [Answer(encode(text), [-0.1] * len(encode(text)), reason) for text, reason in given]  # type: ignore[arg-type]


def script(pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, str]) -> Scripted:
    scripted = Scripted(pipeline, answers)
    monkeypatch.setattr(pipeline, "_decode", scripted)
    return scripted


def test_a_loop_is_read_again_with_a_stricter_rule(
    pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = script(pipeline, monkeypatch, ("loop", "repetition"), ("better", "stop")).calls
    (result,) = pipeline.read(draw_page())
    assert (result.text, result.status, result.attempts) == ("better", "retried", 2)
    assert calls[1][1].no_repeat_ngram_size == RETRY_NGRAM_SIZE


def test_then_it_is_cut_into_tiles(pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = ("loop", "repetition")
    calls = script(pipeline, monkeypatch, loop, loop, ("tiled", "stop")).calls
    (result,) = pipeline.read(draw_page(384, 256))
    assert (result.text, result.status, result.attempts, result.num_views) == ("tiled", "retried", 3, 7)
    assert calls[2][1].no_repeat_ngram_size == 20


@pytest.mark.parametrize(("arguments", "tries"), [({}, 3), ({"crop": True}, 2), ({"box": [0, 0, 9, 9]}, 2)])
def test_a_loop_that_stays_is_told(
    pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], tries: int
) -> None:
    calls = script(pipeline, monkeypatch, *[("lo", "repetition")] * 9).calls
    (result,) = pipeline.read(draw_page(), **arguments)
    assert (result.status, result.finish_reason, result.attempts) == ("repeated", "repetition", tries)
    assert len(calls) == tries


def test_no_second_try_when_told_so(pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = script(pipeline, monkeypatch, ("lo", "repetition")).calls
    settings = dataclasses.replace(pipeline.settings, retry=False)
    assert pipeline.read(draw_page(), settings=settings).pages[0].status == "repeated"
    assert len(calls) == 1


def test_crop_and_multi_page_have_loop_guards_too(
    pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The released code has no guard at all there (fault I4)."""
    for arguments in ({"crop": True}, {"multi_page": True}):
        script(pipeline, monkeypatch, ("lo", "repetition"), ("fine", "stop"))
        (result,) = pipeline.read(draw_page(), **arguments)  # type: ignore[arg-type]
        assert (result.text, result.status) == ("fine", "retried")


def test_the_ngram_rule_is_the_published_one(pipeline: GOTPipeline) -> None:
    def size(**arguments: Any) -> int:
        return ngram_size(pipeline.prepare(ReadRequest(draw_page(), **arguments)), pipeline.settings)

    assert (size(), size(crop=True), size(multi_page=True)) == (20, 0, 0)
    settings = dataclasses.replace(pipeline.settings, no_repeat_ngram_size=5)
    assert ngram_size(pipeline.prepare(ReadRequest(draw_page(), crop=True)), settings) == 5


# ---- memory and context


def test_a_prompt_over_the_context_does_not_take_others_down(
    pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.backend.config, "max_position_embeddings", 80)
    requests = [
        ReadRequest(draw_page()),
        ReadRequest(draw_page(), question="long " * 40),
        ReadRequest(draw_page()),
    ]
    results = list(pipeline.read_requests(requests, batch_size=3))
    assert [r.status for r in results] == ["truncated", "failed", "truncated"]
    assert "context holds 80" in str(results[1].error)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate …"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …"),
    ],
    ids=["card", "cpu"],
)
def test_memory_that_runs_out_fails_the_page_that_needs_it(
    pipeline: GOTPipeline, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    start = pipeline.backend.start

    def limited(batch: Sequence[Any]) -> Any:
        if sum(len(inputs.pixel_values) for inputs in batch) > 2:
            raise error
        return start(batch)

    monkeypatch.setattr(pipeline.backend, "start", limited)
    requests = [
        ReadRequest(draw_page()),
        ReadRequest(draw_page(384, 256), crop=True),
        ReadRequest(draw_page()),
    ]
    settings = dataclasses.replace(pipeline.settings, no_repeat_ngram_size=3)
    results = list(pipeline.read_requests(requests, batch_size=3, settings=settings))
    assert [r.status for r in results] == ["truncated", "failed", "truncated"]
    assert "does not fit into memory" in str(results[1].error)


# ---- loading


def test_tokenizer_and_config_must_agree(pipeline: GOTPipeline) -> None:
    pipeline.backend.config.im_patch_token = 3
    with pytest.raises(ValueError, match=r"<imgpad> is 3 in config\.json and 1011 in the tokenizer"):
        pipeline.processor.check_fits(pipeline.backend.config)


def test_a_tokenizer_larger_than_the_model_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (tmp_path / "model" / "qwen.tiktoken").unlink()
    with pytest.raises(ValueError, match="Tokenizer and model do not fit"):
        GOTPipeline.from_pretrained(tmp_path / "model")


def test_both_layouts_read_the_same(
    pipeline: GOTPipeline, tiny_model: Any, tiny_processor: GOTProcessor, tmp_path: Path
) -> None:
    from GOT.model.checkpoint import save_model

    save_model(tiny_model, tmp_path, layout="transformers")
    tiny_processor.save_pretrained(tmp_path, layout="transformers")
    other = GOTPipeline.from_pretrained(tmp_path, device="cpu", settings=pipeline.settings)
    assert other.read(draw_page()).text == pipeline.read(draw_page()).text


def test_unknown_backends_and_devices_are_named(tiny_checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="There is no backend 'tpu'; choose from openvino, torch"):
        GOTPipeline.from_pretrained(tiny_checkpoint, backend="tpu")
    with pytest.raises(ValueError, match="--device must be auto, cpu, cuda"):
        GOTPipeline.from_pretrained(tiny_checkpoint, device="gpu")


def test_reading_keeps_no_page_in_memory(pipeline: GOTPipeline) -> None:
    alive: list[int] = []

    def pages() -> Iterator[Page]:
        import gc

        for number in range(6):
            gc.collect()
            alive.append(sum(type(x) is Image.Image and x.size == (123, 77) for x in gc.get_objects()))
            yield Page("x", "x", number, draw_page(123, 77))

    settings = dataclasses.replace(pipeline.settings, max_new_tokens=1)
    assert len(list(pipeline.read_pages(pages(), ReadRequest(()), settings=settings))) == 6
    assert max(alive) <= 2
