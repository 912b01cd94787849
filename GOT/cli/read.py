"""got-ocr read: images and PDFs to text. Text alone on stdout; progress and troubles on stderr."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from GOT.cli import batched, common, reading
from GOT.render import FORMATS, check_formats
from GOT.utils.remote import is_remote, target_of

if TYPE_CHECKING:
    from GOT.inference.documents import Page
    from GOT.inference.outputs import FolderNames
    from GOT.inference.pipeline import GOTPipeline
    from GOT.inference.preparation import ReadRequest

PROGRAM = "got-ocr read"
DEFAULT_FORMATS = "txt,md,json"  # under -o; on stdout the text alone
FILES_ONLY = ("docx",)


def build_parser() -> common.Parser:
    """All flags of the command."""
    parser = common.Parser(prog=PROGRAM, description="Turn images and PDFs into text.")
    parser.add_argument(
        "sources", nargs="+", metavar="F", help="image, PDF, folder, glob, URL, or - for stdin"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=target_of,
        metavar="DIR",
        help="write DIR/name/name.txt … instead of stdout; a folder, or a URL for fsspec such as s3://…",
    )
    parser.add_argument(
        "--to",
        metavar="A,B",
        help=f"formats: {', '.join(FORMATS)} (under -o: {DEFAULT_FORMATS}; on stdout: one, txt)",
    )
    parser.add_argument(
        "--skip-existing", action="store_true", help="leave out documents that -o already holds"
    )
    parser.add_argument("--pages", help="pages of PDFs and TIFFs, from 1: 1-5,7 or 3-")
    parser.add_argument("--dpi", type=int, default=200, help="resolution at which PDF pages are drawn (200)")
    parser.add_argument(
        "--allow-url", action="store_true", help="allow http(s) sources (public addresses only)"
    )
    reading.add_question_flags(parser)
    parser.add_argument("--multi-page", action="store_true", help="read all pages in one answer")
    parser.add_argument("--crop", action="store_true", help="cut each page into tiles: for small print")
    common.add_model_flags(parser)
    reading.add_decoding_flags(parser)
    reading.add_clean_flags(parser)
    group = parser.add_argument_group("many pages")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that open pages for the one that reads (auto; 0: none)",
    )
    group.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="processes that read, each with the model (auto: one a card; one a core if the model is small)",
    )
    group.add_argument(
        "--ray", metavar="ADDRESS", help="read on a Ray cluster; local: on this machine's cores by Ray"
    )
    parser.add_argument("--stream", action="store_true", help="print text as it is read (one page, no -o)")
    parser.add_argument(
        "--explain", action="store_true", help="say on stderr what the model is asked, then read"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = build_parser().parse_args(argv)
    return common.run(PROGRAM, lambda: read(arguments))


def read(arguments: argparse.Namespace) -> int:
    """Read what the flags name, and print or write it."""
    from GOT.inference.documents import MAX_DPI, MIN_DPI, PageRange, open_pages
    from GOT.inference.outputs import FolderNames, PictureKeeper, cleaned
    from GOT.inference.preparation import question_of

    formats = common.comma_list(arguments.to or (DEFAULT_FORMATS if arguments.output else "txt"))
    common.check_choices(formats, tuple(FORMATS), flag="--to")
    if not arguments.output and (len(formats) > 1 or formats[0] in FILES_ONLY):
        raise ValueError(f"--to {arguments.to} wants files: give -o DIR, or one text format.")
    if arguments.output and not is_remote(arguments.output) and arguments.output.is_file():
        raise ValueError(f"-o {arguments.output} is a file; give a folder.")
    template = request_of(arguments)
    chosen = PageRange.parse(arguments.pages) if arguments.pages else None
    if not MIN_DPI <= arguments.dpi <= MAX_DPI:
        raise ValueError(f"--dpi must be {MIN_DPI}..{MAX_DPI}; got {arguments.dpi}.")
    batched.check(arguments)
    if arguments.stream and arguments.output:
        raise ValueError("--stream prints to stdout; leave out -o.")
    if arguments.stream and (arguments.multi_page or formats != ["txt"]):
        raise ValueError(
            "--stream prints the text of one page after the other; leave out --multi-page and --to."
        )
    check_formats(formats)
    clean_names = reading.clean_names(arguments)
    if arguments.stream and clean_names:
        raise ValueError("--stream prints text before it is whole; leave out --clean and --post-clean.")
    names = FolderNames(arguments.output)
    sources = _left_to_do(arguments, formats, names)
    if not sources:
        return common.OK
    pipeline = common.load_pipeline(arguments)
    pipeline.settings = reading.settings_of(arguments)
    question_of(template)  # a wrong question is an error of the command, not of each page
    if batched.can_read(arguments, sources):
        return batched.read(arguments, pipeline, template, sources, chosen, formats, names, clean_names)
    pages: Iterable[Page] = open_pages(
        sources, pages=chosen, dpi=arguments.dpi, allow_url=arguments.allow_url
    )
    if arguments.explain:
        pages = reading.explained(pages, pipeline, template)
    if arguments.stream:
        return _stream(pages, pipeline, template)
    keeper = PictureKeeper(pictures="html" in formats)
    results = pipeline.read_pages(keeper.watch(pages), template, batch_size=arguments.batch_size or 1)
    bar = reading.progress_bar(
        quiet=arguments.quiet or (len(sources) == 1 and not _may_have_pages(sources[0]))
    )
    with bar:
        read_pages = cleaned(reading.counted(keeper.join(results), bar), clean_names)
        if arguments.output:
            documents = itertools.groupby(read_pages, key=lambda page: page.result.name)
            return reading.write_documents(
                (list(pages) for _, pages in documents), arguments.output, formats, names, PROGRAM
            )
        return reading.print_as(read_pages, formats[0], PROGRAM)


def request_of(arguments: argparse.Namespace) -> ReadRequest:
    """The question that the flags ask, without a page."""
    from GOT.inference.preparation import ReadRequest

    return ReadRequest(
        images=(),
        task=arguments.task,
        box=arguments.box,
        color=arguments.color,
        crop=arguments.crop,
        multi_page=arguments.multi_page,
        question=arguments.prompt,
        box_mode=arguments.box_mode,
        max_tiles=arguments.max_tiles,
    )


def _stream(pages: Iterable[Page], pipeline: GOTPipeline, template: ReadRequest) -> int:
    from GOT.inference.results import PAGE_BREAK

    failed = False
    separator = ""
    for page in pages:
        try:
            if page.image is None:
                raise ValueError(page.error)
            request = dataclasses.replace(template, images=page.image, name=page.source, page=page.number)
            pieces = pipeline.stream(request)
            result, lead = None, separator
            while result is None:
                try:
                    piece = next(pieces)
                except StopIteration as end:
                    result, piece = end.value, ""
                sys.stdout.write(lead + piece)
                sys.stdout.flush()
                lead, separator = "", PAGE_BREAK
            reading.report(result, PROGRAM)
        except ValueError as error:
            common.note(f"{PROGRAM}: {common.one_line(error)}")
            failed = True
    if separator:
        sys.stdout.write("\n")
    return common.FAILED if failed else common.OK


def _left_to_do(arguments: argparse.Namespace, formats: list[str], names: FolderNames) -> list[str]:
    """The sources, without those that --skip-existing finds written."""
    if not arguments.skip_existing:
        return list(arguments.sources)
    if not arguments.output:
        raise ValueError("--skip-existing looks into the output folder; give -o DIR.")
    from GOT.inference.documents import Page, expand_source, short_name
    from GOT.inference.outputs import is_done

    found = [item for source in arguments.sources for item in expand_source(source)]
    # What becomes one document is left out together; it is named after its first page.
    documents = [found] if arguments.multi_page else [[item] for item in found]
    left: list[str] = []
    skipped = 0
    for items in documents:
        first = items[0]
        name = names(first, short_name(first)) if isinstance(first, str) else ""
        if isinstance(first, str) and is_done(arguments.output, name, formats, first):
            skipped += len(items)
        else:
            left += [item.source if isinstance(item, Page) else item for item in items]
    if skipped:
        common.note(f"skipped {skipped} already in {arguments.output}")
    return left


def _may_have_pages(source: str) -> bool:
    return not source.lower().endswith((".png", ".jpg", ".jpeg", ".webp", ".bmp"))
