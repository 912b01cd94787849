"""Everything that a user hands over."""

from __future__ import annotations

import io
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from GOT.inference import documents
from GOT.inference.documents import Page, PageRange, open_pages, short_name
from tests.helpers import draw_page, make_pdf


def opened(*sources: Any, **options: Any) -> list[Page]:
    return list(open_pages(sources, **options))


def texts(pages: list[Page]) -> list[tuple[str, int | None, str | None]]:
    return [(page.name, page.number, page.error) for page in pages]


def test_a_picture_is_one_page(page: Path) -> None:
    (found,) = opened(page)
    assert (found.source, found.name, found.number, found.error) == (str(page), "page", None, None)
    assert found.image is not None and found.image.size == (240, 180)


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    for name in ("page_10.png", "page_9.JPG", "Page_1.webp", "notes.txt", "scan.tif"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("not a page")
        else:
            draw_page().save(tmp_path / name)
    (tmp_path / "sub.png").mkdir()
    (tmp_path / "paper.pdf").write_bytes(make_pdf(draw_page(), draw_page()))
    names = [page.name for page in opened(tmp_path)]
    assert names == ["Page_1", "page_9", "page_10", "paper", "paper", "scan"]


def test_globs_and_several_sources(tmp_path: Path) -> None:
    for name in ("a1.png", "a2.png", "b.png"):
        draw_page().save(tmp_path / name)
    assert [p.name for p in opened(tmp_path / "a*.png", tmp_path / "b.png")] == ["a1", "a2", "b"]
    weird = tmp_path / "page[1].png"
    draw_page().save(weird)
    assert [p.name for p in opened(weird)] == ["page[1]"]


def test_every_frame_of_a_tiff_is_a_page(tmp_path: Path) -> None:
    frames = [draw_page(text=str(i)) for i in range(3)]
    frames[0].save(tmp_path / "fax.tiff", save_all=True, append_images=frames[1:])
    assert [p.number for p in opened(tmp_path / "fax.tiff")] == [1, 2, 3]
    assert [p.number for p in opened(tmp_path / "fax.tiff", pages=PageRange.parse("2-"))] == [2, 3]
    frames[0].save(tmp_path / "one.tiff")
    assert [p.number for p in opened(tmp_path / "one.tiff")] == [None]


def test_an_animation_is_its_first_frame(tmp_path: Path) -> None:
    frames = [draw_page(text=str(i)) for i in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert len(opened(tmp_path / "x.gif")) == 1


def test_pdf_pages_are_drawn_at_the_dpi(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf(draw_page(144, 72), draw_page(72, 144)))
    sizes = [p.image.size for p in opened(path, dpi=72) if p.image]
    assert sizes == [(144, 72), (72, 144)]
    first = opened(path, dpi=144)[0].image
    assert first is not None and first.size == (288, 144)
    assert np.asarray(first.convert("L")).min() < 100  # the words are there
    assert [p.number for p in opened(path)] == [1, 2]


def test_a_poster_is_drawn_coarser_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "poster.pdf"
    path.write_bytes(make_pdf(draw_page(3000, 2000)))
    (found,) = opened(path, dpi=1200)
    assert found.image is not None and 60e6 < found.image.size[0] * found.image.size[1] < 65e6


def test_what_was_typed_into_a_form_is_drawn(tmp_path: Path) -> None:
    """Fields are a layer of their own, which a plain rendering leaves out."""
    stream = b"/Tx BMC q BT /F1 14 Tf 4 6 Td (FILLED IN) Tj ET Q EMC"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/DR<</Font<</F1 6 0 R>>>>/DA(/F1 14 Tf)>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 60]/Annots[4 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(FILLED IN)/Rect[10 10 190 40]/F 4/P 3 0 R"
        b"/DA(/F1 14 Tf 0 g)/AP<</N 5 0 R>>>>",
        b"<</Type/XObject/Subtype/Form/BBox[0 0 180 30]/Resources<</Font<</F1 6 0 R>>>>"
        b"/Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"xref\n0 7\n0000000000 65535 f \n" + table
    body += b"trailer<</Root 1 0 R/Size 7>>\nstartxref\n%d\n%%%%EOF" % body.rindex(b"xref\n0 7")
    (tmp_path / "form.pdf").write_bytes(body)
    (found,) = opened(tmp_path / "form.pdf", dpi=72)
    assert found.image is not None, found.error
    assert np.asarray(found.image.convert("L")).min() < 100


def test_stdin_takes_pictures_and_pdfs(monkeypatch: pytest.MonkeyPatch, page: Path) -> None:
    for content, count in ((page.read_bytes(), 1), (make_pdf(draw_page(), draw_page()), 2)):
        monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
        found = opened("-")
        assert len(found) == count and {p.name for p in found} == {"stdin"}
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(b"")))
    assert texts(opened("-")) == [("stdin", None, "Nothing came on stdin; pipe an image or a PDF into it.")]


def test_urls_need_permission() -> None:
    (found,) = opened("https://example.org/a.png")
    assert found.error == "https://example.org/a.png is a URL; --allow-url lets this program fetch it."


def test_a_fetched_pdf_is_a_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("GOT.inference.fetch.fetch", lambda url: make_pdf(draw_page(), draw_page()))
    found = opened("http://example.org/paper.pdf?x=1", allow_url=True)
    assert texts(found) == [("paper", 1, None), ("paper", 2, None)]


@pytest.mark.parametrize(
    ("text", "count", "chosen", "outside"),
    [
        ("1-5,7", 9, [1, 2, 3, 4, 5, 7], []),
        ("3-", 5, [3, 4, 5], []),
        ("2,2,1", 3, [1, 2], []),
        (" 1 - 2 , 3 ", 3, [1, 2, 3], []),
        ("4-7", 5, [4, 5], ["6-7"]),
        ("9", 5, [], ["9"]),
        ("9-", 5, [], ["9"]),
        ("1-1000000000", 2, [1, 2], ["3-1000000000"]),
    ],
)
def test_page_ranges(text: str, count: int, chosen: list[int], outside: list[str]) -> None:
    assert PageRange.parse(text).select(count) == (chosen, outside)


@pytest.mark.parametrize("text", ["", "0", "0-3", "5-3", "a", "1-b", "-3", "1,,2", "1.5", "1--2"])
def test_wrong_ranges_say_what_would_work(text: str) -> None:
    with pytest.raises(ValueError, match="--pages"):
        PageRange.parse(text)


def test_pages_outside_the_document_are_told_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(make_pdf(draw_page(), draw_page()))
    found = opened(path, pages=PageRange.parse("2,5-6"))
    assert texts(found) == [
        ("paper", 2, None),
        ("paper", None, f"{path} has 2 pages; --pages asks for 5-6 too."),
    ]


def write_locked_pdf(path: Path) -> None:
    """A PDF that asks for a password: standard security handler, RC4 40 bits, user password "x"."""
    import hashlib

    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")

    def rc4(key: bytes, data: bytes) -> bytes:
        state, j, out = list(range(256)), 0, bytearray()
        for i in range(256):
            j = (j + state[i] + key[i % len(key)]) % 256
            state[i], state[j] = state[j], state[i]
        i = j = 0
        for byte in data:
            i = (i + 1) % 256
            j = (j + state[i]) % 256
            state[i], state[j] = state[j], state[i]
            out.append(byte ^ state[(state[i] + state[j]) % 256])
        return bytes(out)

    password, permissions, identity = (
        (b"x" + padding)[:32],
        (0xFFFFFFFC).to_bytes(4, "little"),
        b"0123456789abcdef",
    )
    owner = rc4(hashlib.md5(password).digest()[:5], password)
    key = hashlib.md5(password + owner + permissions + identity).digest()[:5]
    user = rc4(key, padding)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>",
        b"<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>" % (owner.hex().encode(), user.hex().encode()),
    ]  # fmt: skip
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer<</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<%s><%s>]>>\n" % ((identity.hex().encode(),) * 2)
    path.write_bytes(body + b"startxref\n%d\n%%%%EOF" % start)


def test_bad_sources_are_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    buffer = io.BytesIO()
    draw_page().save(buffer, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[:1000])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (1, 20000)).save(tmp_path / "strip.png")
    (tmp_path / "cut.pdf").write_bytes(make_pdf(draw_page())[:300])
    write_locked_pdf(tmp_path / "locked.pdf")
    (tmp_path / "nothing").mkdir()
    wanted = {
        "empty.png": "is empty (0 bytes)",
        "text.png": "is not an image",
        "cut.jpg": "is damaged or cut off",
        "dot.png": "1x1 pixels",
        "strip.png": "1x20000 pixels",
        "cut.pdf": "is no readable PDF",
        "locked.pdf": "is protected by a password; save a copy without one",
        "nothing": "holds no images or PDFs",
        "absent.png": "There is no file",
        "absent-*.png": "No file matches",
    }
    found = opened(*(tmp_path / name for name in wanted))
    assert len(found) == len(wanted)
    for page, said in zip(found, wanted.values(), strict=True):
        assert page.image is None and page.error and said in page.error
        assert "\n" not in page.error and "0x" not in page.error


def test_a_damaged_frame_leaves_the_ones_before_it(tmp_path: Path) -> None:
    frames = [draw_page(text=str(i)) for i in range(2)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:], compression="tiff_deflate")
    with Image.open(buffer) as written:
        start = written.tag_v2[273][0]
        written.seek(1)
        second = written.tag_v2[273][0]  # where its pixels begin
    content = bytearray(buffer.getvalue())
    content[second : second + 100] = bytes(100)
    (tmp_path / "x.tiff").write_bytes(content)
    first, second = opened(tmp_path / "x.tiff")
    assert first.image is not None and first.number == 1
    assert second.image is None and "damaged or cut off" in str(second.error)
    content = bytearray(buffer.getvalue())
    content[start : start + 100] = bytes(100)
    (tmp_path / "x.tiff").write_bytes(content)
    assert [page.image is None for page in opened(tmp_path / "x.tiff")] == [True, False]


def test_a_tiff_with_a_broken_tail_tells_what_is_lost(tmp_path: Path) -> None:
    frames = [draw_page(text=str(i)) for i in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])
    with Image.open(buffer) as written:
        written.seek(2)
        cut = written._frame_pos[2] + 6  # in the middle of the last page's directory
    (tmp_path / "x.tiff").write_bytes(buffer.getvalue()[:cut])
    found = opened(tmp_path / "x.tiff")
    assert [(page.number, page.image is None) for page in found] == [(1, False), (2, False), (3, True)]
    assert "damaged or cut off" in str(found[2].error) and "Pages from 3 on are lost" in str(found[2].error)
    assert [p.number for p in opened(tmp_path / "x.tiff", pages=PageRange.parse("1"))] == [1]
    assert [p.number for p in opened(tmp_path / "x.tiff", pages=PageRange.parse("2-"))] == [2, 3]


def test_only_wanted_frames_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [draw_page(text=str(i)) for i in range(3)]
    frames[0].save(tmp_path / "x.tiff", save_all=True, append_images=frames[1:])
    decoded = []
    read_frame = documents.read_frame
    monkeypatch.setattr(
        documents,
        "read_frame",
        lambda image, number, **how: decoded.append(number) or read_frame(image, number, **how),
    )
    (page,) = opened(tmp_path / "x.tiff", pages=PageRange.parse("2"))
    assert decoded == [2] and page.image is not None and page.image.tobytes() == frames[1].tobytes()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/b/page.one.png", "page.one"), ("page.png", "page"), ("-", "stdin"), ("http://x/y/z.pdf?q=a/b#c", "z"),
        ("http://x/..", "page"), ("http://x/a/../", "page"), ("..", "page"), ("/", "page"), (".hidden.png", "hidden"),
        ("http://x/%2e%2e%2fz", "%2e%2e%2fz"), ("a\\..\\b.png", "b"), ("x:y|z.png", "x_y_z"), ("a\nb.png", "a_b"),
        (". .", "page"),
        ("é" * 300 + ".png", "é" * 80),
    ],
)  # fmt: skip
def test_names_are_fit_for_files(source: str, name: str) -> None:
    assert short_name(source) == name
