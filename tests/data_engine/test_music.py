"""Music: Verovio accepts every kern and finds all of its notes; what it would not survive does not reach it."""

from __future__ import annotations

import contextlib
import re
import sys
from fractions import Fraction

import numpy as np
import pytest

from GOT.data_engine import music, svg, verovio_worker
from GOT.data_engine.kern_tree import Event, Pitch, Score, Staff, check_kern, key_alter, key_signature
from GOT.data_engine.music_grammar import MusicSize, random_score
from GOT.data_engine.sample import Rejected, random_generator
from GOT.utils.child import kept_python
from GOT.utils.lazy import is_available

needs_verovio = pytest.mark.skipif(
    not (is_available("verovio") and is_available("resvg_py")), reason="verovio or resvg_py is not installed"
)
SMALL = "**kern\n*clefG2\n*k[]\n*M2/4\n=-\n4c\n4d\n==\n*-"


def draw_scores(count: int) -> list[Score]:
    return [random_score(random_generator("test", index, 0)) for index in range(count)]


def test_a_score_is_spelled_as_kern():
    chord = Event(Fraction(1, 4), "4", (Pitch(28), Pitch(30, 1)), tie="[")
    held = Event(Fraction(1, 2), "2", (Pitch(28), Pitch(30, 1)), tie="]", slur="(", marks="'")
    rest = Event(Fraction(1, 4), "4")
    low = Event(Fraction(1, 2), "2", (Pitch(17),))
    score = Score((Staff("F4", ((low,), (low,))), Staff("G2", ((rest, chord), (held,)))), 1, (2, 4))
    assert score.to_kern() == "\n".join(
        [
            "**kern\t**kern", "*clefF4\t*clefG2", "*k[f#]\t*k[f#]", "*M2/4\t*M2/4", "=-\t=-",
            "2FFn\t4r", ".\t[4c [4e#", "=\t=", "2FFn\t(2c] 2e#]'", "==\t==", "*-\t*-",
        ]
    )  # fmt: skip


def test_pitches_and_keys_have_their_names():
    assert [Pitch(step).to_kern(0) for step in (14, 21, 27, 28, 34, 35)] == ["CC", "C", "B", "c", "b", "cc"]
    assert (
        Pitch(31).to_kern(1) == "fn" and Pitch(31, 1).to_kern(1) == "f#" and Pitch(34, -1).to_kern(0) == "b-"
    )
    assert (key_signature(2), key_signature(-3), key_signature(0)) == ("f#c#", "b-e-a-", "")
    assert (key_alter(2, "C"), key_alter(-1, "B"), key_alter(2, "G")) == (1, -1, 0)


def test_every_measure_is_full():
    for score in draw_scores(100):
        length = Fraction(*score.meter)
        for staff in score.staves:
            for measure in staff.measures:
                assert sum(event.length for event in measure) == length


def test_every_drawn_kern_lines_up():
    for score in draw_scores(200):
        check_kern(score.to_kern())


def test_ties_and_slurs_are_closed():
    for score in draw_scores(100):
        for spine in zip(*(line.split("\t") for line in score.to_kern().split("\n")), strict=True):
            text = "\n".join(spine[5:])
            assert text.count("(") == text.count(")")
            assert text.replace("_", "][").count("[") == text.replace("_", "][").count("]")


@pytest.mark.parametrize(
    ("kern", "reason"),
    [
        ("4c\n4d", "starts with"),
        ("**kern\t**kern\n4c\n*-\t*-", "1 fields, 2 are open"),
        ("**kern\n4c\t4d\n*-", "2 fields, 1 are open"),
        ("**kern\n4c", "not closed"),
        ("**kern\t**kern\n4c\t\n*-\t*-", "empty field"),
        ("**kern\n*^\n4c\n*-", "1 fields, 2 are open"),
        ("**kern\t**kern\n*v\t*\n4c\t4d\n*-\t*-", "single spine"),
        ("\t".join(["**kern"] * 40), "at most"),
    ],
)
def test_crooked_kern_is_refused(kern, reason):
    with pytest.raises(ValueError, match=reason):
        check_kern(kern)


def test_split_and_joined_spines_are_followed():
    check_kern("**kern\n*^\n4c\t4d\n*v\t*v\n4e\n*-")


@needs_verovio
def test_verovio_engraves_every_note():
    for score in draw_scores(12):
        engraved = verovio_worker.engrave(score.to_kern())
        notes = sum(
            len(event.pitches) for staff in score.staves for measure in staff.measures for event in measure
        )
        assert len(re.findall(r'class="note\b', engraved)) == notes
        assert len(re.findall(r'class="measure\b', engraved)) == len(score.staves[0].measures)
        assert len(re.findall(r'class="system\b', engraved)) == 1


@needs_verovio
def test_a_crash_of_verovio_is_a_rejection_and_the_next_score_is_engraved(monkeypatch):
    before = verovio_worker.engrave(SMALL)
    child = kept_python("GOT.data_engine.verovio_worker")
    # Spines that do not line up end Verovio's process; our check is switched off to let them through.
    monkeypatch.setattr(verovio_worker, "check_kern", lambda kern: None)
    crooked = "**kern\t**kern\n*clefG2\n4c\t4d\t4e\n*v\t*v\n4c\t4c\n*-"
    process = child.process
    assert process is not None
    process.kill()
    process.wait()
    assert verovio_worker.engrave(SMALL) == before
    with contextlib.suppress(Rejected):
        verovio_worker.engrave(crooked)
    assert verovio_worker.engrave(SMALL) == before


@needs_verovio
def test_engraving_does_not_depend_on_what_came_before():
    first = verovio_worker.engrave(SMALL, {"font": "Bravura", "spacingStaff": 15})
    verovio_worker.engrave(random_score(random_generator("test", 1, 1)).to_kern(), {"font": "Leland"})
    assert verovio_worker.engrave(SMALL, {"font": "Bravura", "spacingStaff": 15}) == first


@needs_verovio
def test_the_answer_is_the_kern_that_was_engraved(monkeypatch):
    engraved = []
    engrave = verovio_worker.engrave
    monkeypatch.setattr(
        verovio_worker, "engrave", lambda kern, options: engraved.append(kern) or engrave(kern, options)
    )
    sample = music.sample(2, 0, measures=2, staves=2)
    assert sample.target == engraved[-1]
    assert sample.target.startswith("**kern\t**kern\n*clefF4\t*clefG2\n")
    assert sample.prompt == "OCR with format: "


@needs_verovio
def test_a_title_is_above_the_music_and_not_in_the_answer():
    plain = music.sample(1, 4, title=0.0, paper=0.0, measures=2)
    titled = next(
        s for s in (music.sample(i, 4, title=1.0, paper=0.0, measures=2) for i in range(9)) if s.meta["title"]
    )
    assert titled.meta["title"].split(" / ")[0] not in titled.target
    for sample in (plain, titled):
        dark = np.asarray(sample.images[0].convert("L")) < 128
        assert dark.any() and not dark[:, :2].any() and not dark[:2].any() and not dark[-2:].any()


def test_settings_are_checked_and_a_missing_library_is_named(monkeypatch):
    with pytest.raises(ValueError, match="staves takes"):
        music.sample(0, 0, staves=(3, 1))
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(ImportError, match=r"got-ocr\[synth\]"):
        verovio_worker.engrave(SMALL)


@pytest.mark.skipif(not is_available("resvg_py"), reason="resvg_py is not installed")
def test_what_is_no_svg_is_refused():
    with pytest.raises(ValueError):
        svg.render_svg("<svg")


def test_small_music_is_small():
    score = random_score(
        random_generator("test", 0, 0), MusicSize(staves=(1, 1), measures=(1, 1), chords=0.0)
    )
    assert len(score.staves) == 1 and len(score.staves[0].measures) == 1
