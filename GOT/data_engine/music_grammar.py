"""Random music that can be engraved: measures filled beat by beat with rhythms, melodies that move mostly by step."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction

import numpy as np

from GOT.data_engine.kern_tree import LETTERS, Event, Pitch, Score, Staff, key_alter

CENTERS = {"G2": 34, "F4": 22, "C3": 28, "C4": 26}  # the middle line of each clef, in steps from C0
METERS = ((4, 4), (3, 4), (2, 4), (6, 8), (3, 8), (2, 2), (9, 8), (5, 4))
METER_WEIGHTS = (0.3, 0.2, 0.15, 0.13, 0.08, 0.06, 0.04, 0.04)
# Rhythms: beats they fill, weight, notes as kern length and beam. A trailing r is a rest.
SIMPLE = (
    (1, 10, "4"), (1, 8, "8L 8J"), (1, 3, "16LL 16 16 16JJ"), (1, 3, "8L 16L 16JJ"), (1, 2, "16LL 16J 8J"),
    (1, 3, "8.L 16Jk"), (1, 1, "12L 12 12J"), (1, 2, "4r"), (1, 1, "8r 8"), (1, 1, "8 8r"),
    (2, 6, "2"), (2, 3, "4. 8"), (2, 1, "8 4 8"), (2, 1, "2r"), (3, 3, "2."), (4, 3, "1"),
)  # fmt: skip
COMPOUND = (
    (1, 5, "4."), (1, 6, "8L 8 8J"), (1, 4, "4 8"), (1, 2, "8 4"), (1, 2, "16LL 16 16 16 16 16JJ"),
    (1, 2, "8.L 16k 8J"), (1, 1, "4.r"), (1, 1, "8r 8L 8J"), (2, 3, "2."),
)  # fmt: skip
STEPS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
STEP_WEIGHTS = (0.03, 0.05, 0.12, 0.25, 0.1, 0.25, 0.12, 0.05, 0.03)
REACH = 7  # steps from the middle line: two ledger lines


@dataclasses.dataclass(frozen=True)
class MusicSize:
    """How much music, and how busy; the smallest is one staff of one measure.

    Attributes:
        staves: Fewest and most staves.
        measures: Fewest and most measures.
        chords: Chance that a note is a chord.
        accidentals: Chance that a note leaves the key.
        slurs: Chance of a slur in a measure; also scales articulation.
        ties: Chance of a tie over a barline.
    """

    staves: tuple[int, int] = (1, 3)
    measures: tuple[int, int] = (2, 5)
    chords: float = 0.2
    accidentals: float = 0.08
    slurs: float = 0.25
    ties: float = 0.2


def random_score(rng: np.random.Generator, size: MusicSize | None = None) -> Score:
    """Draw a single system of music."""
    size = size or MusicSize()
    count = int(rng.integers(size.staves[0], size.staves[1] + 1))
    clefs = {1: ("G2", "F4", "C3", "C4"), 2: ("F4", "G2"), 3: ("F4", "G2", "G2")}.get(count, ("G2",) * count)
    if count == 1:
        clefs = (str(rng.choice(clefs, p=(0.6, 0.25, 0.1, 0.05))),)
    meter = METERS[int(rng.choice(len(METERS), p=METER_WEIGHTS))]
    key = int(rng.integers(-5, 6)) if rng.random() < 0.85 else 0
    measures = int(rng.integers(size.measures[0], size.measures[1] + 1))
    staves = tuple(Staff(clef, _staff(rng, clef, key, meter, measures, size)) for clef in clefs)
    return Score(staves, key, meter, str(rng.choice(["==", "=", "=:|!"], p=(0.5, 0.4, 0.1))))


def _staff(
    rng: np.random.Generator, clef: str, key: int, meter: tuple[int, int], count: int, size: MusicSize
) -> tuple[tuple[Event, ...], ...]:
    place = CENTERS[clef] + int(rng.integers(-3, 4))
    measures = []
    for _ in range(count):
        events = []
        for name, beam, is_rest in _rhythm(rng, meter):
            pitches: tuple[Pitch, ...] = ()
            if not is_rest:
                place = _move(rng, place, CENTERS[clef])
                pitches = _pitches(rng, place, key, size)
            marks = str(rng.choice(["'", "^", ";"])) if pitches and rng.random() < size.slurs * 0.12 else ""
            events.append(Event(_length(name), name, pitches, beam, marks=marks))
        measures.append(_slurred(rng, events, size))
    return tuple(tuple(events) for events in _tied(rng, measures, size))


def _rhythm(rng: np.random.Generator, meter: tuple[int, int]) -> list[tuple[str, str, bool]]:
    """Lengths, beams and rests that fill a measure, with a note at least: Verovio merges measures of rests."""
    while True:
        events = _fill(rng, meter)
        if not all(is_rest for _, _, is_rest in events):
            return events


def _fill(rng: np.random.Generator, meter: tuple[int, int]) -> list[tuple[str, str, bool]]:
    beats, unit = meter
    is_compound = unit == 8
    left = beats // 3 if is_compound else beats * 4 // unit
    patterns = COMPOUND if is_compound else SIMPLE
    events = []
    while left:
        fitting = [pattern for pattern in patterns if pattern[0] <= left]
        weights = np.array([pattern[1] for pattern in fitting], dtype=float)
        span, _, text = fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]
        left -= span
        for token in text.split():
            name = token.rstrip("LJkr")
            events.append((name, token[len(name) :].replace("r", ""), token.endswith("r")))
    return events


def _length(name: str) -> Fraction:
    """A kern length in whole notes: ``4.`` is 3/8, ``12`` (a triplet eighth) 1/12."""
    plain = Fraction(1, int(name.rstrip(".")))
    return plain * Fraction(3, 2) if name.endswith(".") else plain


def _move(rng: np.random.Generator, place: int, center: int) -> int:
    step = place + int(rng.choice(STEPS, p=STEP_WEIGHTS))
    return min(max(step, center - REACH), center + REACH)


def _pitches(rng: np.random.Generator, place: int, key: int, size: MusicSize) -> tuple[Pitch, ...]:
    steps = [place]
    if rng.random() < size.chords:
        # Thirds and fourths upwards: seconds would set heads side by side.
        for _ in range(int(rng.choice([1, 2, 3], p=(0.55, 0.35, 0.1)))):
            steps.append(steps[-1] + int(rng.integers(2, 4)))
    pitches = []
    for step in steps:
        alter = key_alter(key, LETTERS[step % 7])
        if rng.random() < size.accidentals:
            alter = int(rng.choice([-1, 0, 1]))
        pitches.append(Pitch(step, alter))
    return tuple(pitches)


def _slurred(rng: np.random.Generator, events: list[Event], size: MusicSize) -> list[Event]:
    """At most one slur in a measure, over notes only."""
    if rng.random() >= size.slurs or len(events) < 2:
        return events
    start = int(rng.integers(len(events) - 1))
    end = min(len(events) - 1, start + int(rng.integers(1, 4)))
    if not all(event.pitches for event in events[start : end + 1]):
        return events
    events[start] = dataclasses.replace(events[start], slur="(")
    events[end] = dataclasses.replace(events[end], slur=")")
    return events


def _tied(rng: np.random.Generator, measures: list[list[Event]], size: MusicSize) -> list[list[Event]]:
    """Hold the last note of some measures over the barline: the next one starts with the same notes."""
    for before, after in itertools.pairwise(measures):
        first, last = after[0], before[-1]
        if not (first.pitches and last.pitches) or first.slur or last.slur or rng.random() >= size.ties:
            continue
        before[-1] = dataclasses.replace(last, tie="_" if last.tie == "]" else "[")
        after[0] = dataclasses.replace(first, pitches=last.pitches, tie="]", marks="")
    return measures
