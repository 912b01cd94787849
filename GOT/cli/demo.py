"""The two published demo commands, flags as published; a page to text on stdout, and to HTML with ``--render``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from GOT.cli import common, reading
from GOT.data.prompt import COLORS

if TYPE_CHECKING:
    from GOT.inference.documents import Page
    from GOT.inference.outputs import ReadPage


DEFAULT_OUTPUT = Path("results/demo.html")  # as published


def main_single(argv: list[str] | None = None) -> int:
    """``run_ocr_2.0.py``: one view a page."""
    parser = _parser("run_ocr_2.0.py", "Read a page: plain or formatted, whole, by box or by colour.")
    parser.add_argument(
        "--type", dest="task", choices=("ocr", "format"), default="ocr", help="plain or formatted text"
    )
    parser.add_argument(
        "--box", type=reading.box_argument, metavar="[x1,y1,x2,y2]", help="read only this box, in pixels"
    )
    parser.add_argument("--color", choices=COLORS, help="read only the frame of this colour")
    arguments = parser.parse_args(argv)
    return common.run(parser.prog, lambda: _demo(arguments, parser.prog, crop=False, multi_page=False))


def main_crop(argv: list[str] | None = None) -> int:
    """``run_ocr_2.0_crop.py``: tiles of a page, or many pages in one answer."""
    parser = _parser("run_ocr_2.0_crop.py", "Read small print (tiles), or a folder of pages in one answer.")
    parser.add_argument(
        "--type", dest="task", choices=("ocr", "format"), default="format", help="default: format"
    )
    parser.add_argument(
        "--multi-page", action="store_true", help="--image-file is a folder (or PDF): one answer for all"
    )
    parser.add_argument(
        "--max-tiles", type=int, default=6, metavar="N", help="most tiles of a page (6; the paper's 12)"
    )
    arguments = parser.parse_args(argv)
    return common.run(
        parser.prog,
        lambda: _demo(arguments, parser.prog, crop=not arguments.multi_page, multi_page=arguments.multi_page),
    )


def _parser(program: str, description: str) -> common.Parser:
    parser = common.Parser(prog=program, description=description)
    parser.add_argument("--image-file", required=True, metavar="F", help="image, PDF or folder")
    parser.add_argument(
        "--allow-url", action="store_true", help="allow an http(s) URL (public addresses only)"
    )
    parser.add_argument(
        "--render", action="store_true", help="also write the page beside its rendered text as HTML"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help=f"where --render writes ({DEFAULT_OUTPUT}; beside it while another run writes there)",
    )
    reading.add_clean_flags(parser)
    parser.add_argument(
        "--explain", action="store_true", help="say on stderr what the model is asked, then read"
    )
    common.add_model_flags(parser)
    reading.add_decoding_flags(parser)
    return parser


def _demo(arguments: argparse.Namespace, program: str, *, crop: bool, multi_page: bool) -> int:
    from GOT.utils import io

    if not arguments.render or arguments.output:
        output = arguments.output if arguments.render else None
        return _read(arguments, program, output, crop=crop, multi_page=multi_page)
    with io.claim(DEFAULT_OUTPUT) as output:
        return _read(arguments, program, output, crop=crop, multi_page=multi_page)


def _read(
    arguments: argparse.Namespace, program: str, output: Path | None, *, crop: bool, multi_page: bool
) -> int:
    from GOT.inference.documents import open_pages
    from GOT.inference.outputs import PictureKeeper, cleaned, to_bytes
    from GOT.inference.preparation import ReadRequest, question_of
    from GOT.utils import io

    clean_names = reading.clean_names(arguments)
    template = ReadRequest(
        images=(),
        task=arguments.task,
        box=getattr(arguments, "box", None),
        color=getattr(arguments, "color", None),
        crop=crop,
        multi_page=multi_page,
        max_tiles=getattr(arguments, "max_tiles", 6),
    )
    pipeline = common.load_pipeline(arguments)
    pipeline.settings = reading.settings_of(arguments)
    question_of(template)
    pages: Iterable[Page] = open_pages([arguments.image_file], allow_url=arguments.allow_url)
    if arguments.explain:
        pages = reading.explained(pages, pipeline, template)
    keeper = PictureKeeper(pictures=arguments.render)
    results = pipeline.read_pages(keeper.watch(pages), template, batch_size=arguments.batch_size or 1)
    shown: list[ReadPage] = []
    code = reading.print_pages(_remembered(cleaned(keeper.join(results), clean_names), shown), program)
    if output is not None and any(page.result.status != "failed" for page in shown):
        path = io.write_bytes(output, to_bytes(shown, "html"))
        common.note(f"rendered to {path}")
    return code


def _remembered(pages: Iterable[ReadPage], shown: list[ReadPage]) -> Iterator[ReadPage]:
    for page in pages:
        shown.append(page)
        yield page
