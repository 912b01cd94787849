"""What ``got-ocr read`` and the two published demos share: question flags, page reports, printing, ``--explain``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from GOT.cli import common
from GOT.data.prompt import COLORS, parse_box

if TYPE_CHECKING:
    from GOT.inference.documents import Page
    from GOT.inference.generation import GenerationSettings
    from GOT.inference.outputs import FolderNames, ReadPage
    from GOT.inference.pipeline import GOTPipeline
    from GOT.inference.preparation import Prepared, ReadRequest
    from GOT.inference.results import PageResult
    from GOT.utils.remote import Target


def add_question_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say what is asked about a page."""
    parser.add_argument(
        "--task", choices=("ocr", "format"), default="ocr", help="plain text, or formatted (Markdown, LaTeX)"
    )
    parser.add_argument(
        "--box", type=box_argument, metavar="X1,Y1,X2,Y2", help="read only this box, in pixels of the page"
    )
    parser.add_argument(
        "--box-mode",
        choices=("prompt", "crop"),
        default="prompt",
        help="tell the model the box, or cut it out",
    )
    parser.add_argument("--color", choices=COLORS, help="read only what stands in the frame of this colour")
    parser.add_argument("--prompt", help="ask exactly this instead of the task's words")
    parser.add_argument(
        "--max-tiles", type=int, default=6, metavar="N", help="most tiles of a cropped page (6)"
    )


def add_decoding_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say how answers are decoded."""
    group = parser.add_argument_group("decoding")
    group.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="pages decoded side by side (as memory allows: 16, on cards 64)",
    )
    group.add_argument(
        "--max-new-tokens", type=int, default=4096, metavar="N", help="longest answer, in tokens (4096)"
    )
    group.add_argument(
        "--no-repeat-ngram-size",
        type=int,
        metavar="N",
        help="no N tokens twice; 0: off (20; with crop, multi-page: 0)",
    )
    group.add_argument(
        "--no-retry", action="store_true", help="do not read a page again when its answer ran into a loop"
    )


def add_clean_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say how answers are cleaned up."""
    from GOT.render.clean import CLEANERS

    parser.add_argument(
        "--clean",
        metavar="A,B",
        help=f"clean up answers: {', '.join(CLEANERS)}; JSON keeps the raw answer, too",
    )
    parser.add_argument("--post-clean", action="store_true", help="clean up answers in all these ways")


def clean_names(arguments: argparse.Namespace) -> list[str]:
    """The clean-ups that the flags ask for."""
    from GOT.render.clean import CLEANERS

    if arguments.post_clean:
        return list(CLEANERS)
    if arguments.clean is None:
        return []
    names = common.comma_list(arguments.clean)
    common.check_choices(names, tuple(CLEANERS), flag="--clean")
    return names


def box_argument(text: str) -> list[float]:
    """``argparse`` type of ``--box``."""
    try:
        return parse_box(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def settings_of(arguments: argparse.Namespace) -> GenerationSettings:
    """How the flags want answers decoded."""
    from GOT.inference.generation import GenerationSettings

    return GenerationSettings(
        max_new_tokens=arguments.max_new_tokens,
        no_repeat_ngram_size=arguments.no_repeat_ngram_size,
        retry=not arguments.no_retry,
    )


def report(result: PageResult, program: str) -> bool:
    """Say on stderr what a user should know about a page; True if it failed."""
    where = result.name if result.page is None else f"{result.name}, page {result.page}"
    messages = {
        "failed": f"{program}: {'' if _names_page(result) else f'{where}: '}{result.error}",
        "blank": f"{where}: blank, nothing to read",
        "truncated": f"{where}: cut at {result.num_tokens} tokens; --max-new-tokens allows more, --crop may help",
        "repeated": f"{where}: the answer ran into a loop and was cut after {result.num_tokens} tokens; try --crop",
        "retried": f"{where}: the first answer ran into a loop; this is try {result.attempts}",
    }
    if result.status in messages:
        common.note(common.one_line(ValueError(messages[result.status])))
    return bool(result.status == "failed")


def _names_page(result: PageResult) -> bool:
    """Whether a failed page's error says which one it is."""
    error = result.error or ""
    return result.name in error and (result.page is None or f"page {result.page}" in error)


def print_pages(pages: Iterable[ReadPage], program: str) -> int:
    """Print the text of pages, form feeds between them; returns the exit code."""
    from GOT.render.plain import PAGE_BREAK

    failed = False
    separator = ""
    for page in pages:
        failed |= report(page.result, program)
        if page.result.status != "failed":
            sys.stdout.write(separator + page.text)
            sys.stdout.flush()
            separator = PAGE_BREAK
    if separator:
        sys.stdout.write("\n")
    return common.FAILED if failed else common.OK


def print_as(pages: Iterable[ReadPage], kind: str, program: str) -> int:
    """Print pages in one format; returns the exit code."""
    if kind == "txt":
        return print_pages(pages, program)
    from GOT.inference.outputs import NotRendered, to_bytes

    shown = list(pages)
    failed = [page for page in shown if report(page.result, program)]
    if len(failed) < len(shown):
        try:
            sys.stdout.write(to_bytes(shown, kind).decode("utf-8"))
        except NotRendered as error:
            common.note(f"{program}: {common.one_line(error)}")
            return common.FAILED
    return common.FAILED if failed else common.OK


def write_documents(
    documents: Iterable[list[ReadPage]], folder: Target, formats: list[str], names: FolderNames, program: str
) -> int:
    """Write documents, each of which has a page, as they come; returns the exit code.

    A format that cannot be written is told, and the others are written.
    """
    from GOT.inference.outputs import NotRendered, record_source, write_document

    failed = False
    for document in documents:
        for page in document:
            failed |= report(page.result, program)
        if any(page.result.status != "failed" for page in document):
            source = document[0].result.name
            name = names(source, document[0].name)
            for kind in formats:
                try:
                    common.note(f"wrote {write_document(document, folder, name, kind)}")
                except NotRendered as error:
                    common.note(f"{program}: {common.one_line(error)}")
                    failed = True
            if "json" not in formats:
                record_source(folder, name, source)
    return common.FAILED if failed else common.OK


def progress_bar(*, quiet: bool, total: int | None = None) -> Any:
    """Pages done, pages a second and time left, on stderr; silent when asked, or where nobody looks."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        unit=" page",
        file=sys.stderr,
        disable=quiet or not sys.stderr.isatty(),
        dynamic_ncols=True,
        bar_format="{n_fmt}/{total_fmt} pages  {rate_noinv_fmt}  {remaining} left  {bar}" if total else None,
    )


def counted(pages: Iterable[ReadPage], bar: Any) -> Iterator[ReadPage]:
    """Pass pages on, moving the bar."""
    for page in pages:
        bar.update()
        yield page


def explained(pages: Iterable[Page], pipeline: GOTPipeline, template: ReadRequest) -> Iterator[Page]:
    """Say what each page becomes before it is read."""
    for page in pages:
        if page.image is not None and not template.multi_page:
            with contextlib.suppress(ValueError):  # reading reports it
                ready = pipeline.prepare(dataclasses.replace(template, images=page.image))
                common.note(explanation(ready, pipeline))
        yield page


def explanation(ready: Prepared, pipeline: GOTPipeline) -> str:
    """What the model is asked about a page, in a few lines."""
    from GOT.data.image import choose_tile_grid

    (width, height), size = ready.page_sizes[0], pipeline.processor.transform.image_size
    if ready.blank:
        return f"page {width}x{height}: blank, the model is not asked"
    lines = [f"page {width}x{height} -> {ready.num_views} views of {size}x{size}"]
    if ready.task.layout == "crop":
        columns, rows = choose_tile_grid(width, height, ready.request.max_tiles, size)
        lines[0] += f" ({columns}x{rows} tiles{' and a thumbnail' if columns * rows > 1 else ''})"
    tokens = ready.num_views * pipeline.processor.num_image_tokens
    ids = ready.inputs.input_ids.tolist() if ready.inputs else []
    text = pipeline.processor.tokenizer.decode(ids, skip_special_tokens=False)
    shown = text.replace("<imgpad>" * tokens, f"<imgpad>×{tokens}")
    lines += [f"question: {ready.question!r}", f"prompt ({len(ids)} tokens): {shown!r}"]
    return "\n".join(lines)
