"""Which fonts and texts are found, and what is said when there are none."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import ImageFont

from GOT.data_engine import fonts, plain, text
from GOT.data_engine.fonts import PRINTABLE_ASCII, Font, alphabet, find_fonts
from GOT.data_engine.sfnt import has_glyphs, read_faces
from GOT.data_engine.text import clean_text, load_pool


@pytest.fixture
def latin_font(tmp_path):
    """Pillow's built-in font as a file: Latin only, on every machine."""
    path = tmp_path / "fonts" / "Aileron-Regular.ttf"
    path.parent.mkdir()
    path.write_bytes(ImageFont.load_default(16).font_bytes)
    return path


def test_coverage_agrees_with_fonttools(latin_font):
    tools = pytest.importorskip("fontTools.ttLib", reason="fonttools is not installed")
    ours = read_faces(io.BytesIO(latin_font.read_bytes()))[0]
    theirs = tools.TTFont(latin_font).getBestCmap()
    every = [chr(code) for code in range(0x3000) if chr(code) != "\n"]
    found = has_glyphs(ours.coverage, "".join(every))
    assert {char for char, there in zip(every, found, strict=True) if there} == {
        chr(code) for code in theirs if code < 0x3000 and code != 10
    }


@pytest.mark.parametrize("keep", [0, 3, 40, 300])
def test_a_damaged_font_file_is_a_value_error(latin_font, keep):
    with pytest.raises(ValueError):
        read_faces(io.BytesIO(latin_font.read_bytes()[:keep]))


def test_damaged_fonts_in_a_folder_are_passed_by(latin_font):
    (latin_font.parent / "broken.ttf").write_bytes(b"\0\1\0\0junk")
    (latin_font.parent / "empty.otf").write_bytes(b"")
    found = find_fonts(PRINTABLE_ASCII, folders=(str(latin_font.parent),))
    assert [font.family for font in found] == ["Aileron"]


def test_a_machine_without_fonts_still_prints_english(monkeypatch):
    monkeypatch.setattr(fonts, "_machine_paths", list)
    for cached in (fonts._list_fonts, fonts.find_fonts):
        cached.cache_clear()
    try:
        found = find_fonts(PRINTABLE_ASCII)
        assert [font.path for font in found] == [""]
        assert "".join(plain.sample_line_en(0, 1, split=None).target.split())
    finally:
        for cached in (fonts._list_fonts, fonts.find_fonts):
            cached.cache_clear()


def test_a_font_without_the_glyphs_is_named_with_what_it_lacks(latin_font):
    with pytest.raises(FileNotFoundError, match=r"Aileron.*lacks \d+ .*--fonts DIR"):
        plain.sample_zh(0, 1, fonts=str(latin_font.parent), split=None)


def test_a_font_is_used_only_for_text_it_covers(latin_font):
    font = Font(str(latin_font), 0, "Aileron")
    assert font.covers("plain text")
    assert not font.covers("plain 文")
    assert font.missing("a文b字") == "字文"


def test_missing_font_folders_are_named():
    with pytest.raises(FileNotFoundError, match="neither a folder nor a font file"):
        find_fonts("a", folders=("/nowhere/fonts",))


def test_a_side_without_fonts_says_so(latin_font):
    side = Font(str(latin_font), 0, "Aileron").split
    other = "heldout" if side == "train" else "train"
    with pytest.raises(FileNotFoundError, match=f"{other} side"):
        find_fonts("a", folders=(str(latin_font.parent),), split=other)


def test_bold_and_regular_are_one_family():
    names = ["DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "FreeSansBoldOblique.ttf", "FreeSans.ttf"]
    assert [Font(name, 0, "").family for name in names] == ["DejaVuSans"] * 2 + ["FreeSans"] * 2


def test_a_font_is_drawn_by_family_first():
    many = [
        Font(f"Many-{style}.ttf", 0, "") for style in ("Bold", "Light", "Thin", "Black", "Book", "Medium")
    ]
    rng = np.random.default_rng(0)
    drawn = [fonts.draw_font(rng, (*many, Font("Few.ttf", 0, ""))).family for _ in range(400)]
    assert 150 < drawn.count("Few") < 250


def test_gb2312_has_its_6763_characters():
    common, rare = fonts.gb2312()
    assert (len(common), len(rare), common[0], rare[-1]) == (3755, 3008, "啊", "齄")
    assert set(common) <= set(alphabet("zh"))


def test_a_users_texts_come_first(tmp_path):
    (tmp_path / "a.txt").write_text("The user's own first paragraph.\n\nAnd a second one.", encoding="utf-8")
    (tmp_path / "notes.md").write_text("# Title\n\nMarkdown is text.", encoding="utf-8")
    (tmp_path / "ignored.csv").write_text("1,2", encoding="utf-8")
    pool = load_pool("en", folder=str(tmp_path))
    assert set(pool.paragraphs) == {
        "The user's own first paragraph.",
        "And a second one.",
        "# Title",
        "Markdown is text.",
    }


def test_any_language_prints_where_a_font_has_it(tmp_path):
    words = "Это обычный текст на русском языке, набранный для проверки. " * 3
    (tmp_path / "ru.txt").write_text("\n\n".join(words + str(n) for n in range(12)), encoding="utf-8")
    try:
        find_fonts("Эторускийязы")
    except FileNotFoundError:
        pytest.skip("no Cyrillic font on this machine")
    sample = plain.sample_line_en(1, 2, text=str(tmp_path), sources={"prose": 1}, split=None)
    assert any("а" <= char <= "я" for char in sample.target)


def test_text_no_font_has_is_a_clear_error(tmp_path, latin_font):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "zh.txt").write_text("今天老师在图书馆讨论了这个问题。", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="lacks"):
        plain.sample_en(0, 1, text=str(tmp_path / "texts"), fonts=str(latin_font.parent), split=None)


@pytest.mark.parametrize("content", [None, "", "\x00\x01 \u200b"])
def test_an_empty_text_folder_is_a_clear_error(tmp_path, content):
    if content is not None:
        (tmp_path / "a.txt").write_text(content, encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"No text in .* \.txt \.md \.pdf"):
        load_pool("en", folder=str(tmp_path))


def test_a_missing_text_folder_is_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_pool("en", folder=str(tmp_path / "none"))


def test_unreadable_files_are_left_out_not_fatal(tmp_path, caplog):
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xfa broken utf-8 \xc3\x28")
    (tmp_path / "bad.pdf").write_bytes(b"not a pdf")
    (tmp_path / "good.txt").write_text("Good text.", encoding="utf-8")
    assert load_pool("en", folder=str(tmp_path)).paragraphs == ("Good text.",)
    assert caplog.text.count("Leaving out") == 2


def test_pdf_text_is_read(tmp_path):
    stream = b"BT /F1 18 Tf 20 100 Td (Words inside of a PDF) Tj ET"
    (tmp_path / "a.pdf").write_bytes(
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R"
        b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
        b"4 0 obj<</Length %d>>stream\n%s\nendstream endobj\ntrailer<</Root 1 0 R>>\n" % (len(stream), stream)
    )
    assert load_pool("en", folder=str(tmp_path)).paragraphs == ("Words inside of a PDF",)


def test_text_is_cleaned_of_what_cannot_be_printed():
    assert clean_text("a\u200bb\x07 c\n\n d\u00a0e\ue000") == "ab c d e"


def test_long_paragraphs_are_cut_between_sentences():
    sentences = "This is one sentence of many. " * 200
    parts = text._paragraphs([sentences])
    assert all(len(part) <= text.MAX_PARAGRAPH and part.endswith(".") for part in parts)


def test_unknown_sources_are_refused():
    with pytest.raises(ValueError, match="There is no text source"):
        load_pool("en").draw(np.random.default_rng(0), 10, "poems")


def test_the_same_fonts_in_another_folder_give_the_same_order(tmp_path, latin_font):
    shutil.copytree(latin_font.parent, tmp_path / "copy")
    (tmp_path / "copy" / "Second.ttf").write_bytes(latin_font.read_bytes())
    (latin_font.parent / "Second.ttf").write_bytes(latin_font.read_bytes())
    names = [
        [font.family for font in find_fonts("a", folders=(str(folder),))]
        for folder in (latin_font.parent, tmp_path / "copy")
    ]
    assert names[0] == names[1]
