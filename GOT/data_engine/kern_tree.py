"""A short piece of music as a tree that prints itself as Humdrum **kern: the answer, and what Verovio engraves."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

LETTERS = "CDEFGAB"
SHARPS = "FCGDAEB"  # in the order key signatures add them; flats are added from the other end
MAX_FIELDS = 32  # spines of a line; more are no score


@dataclasses.dataclass(frozen=True)
class Pitch:
    """A note's place: ``step`` counts white keys from C0 (28 is middle C's octave), ``alter`` semitones from it."""

    step: int
    alter: int = 0

    def to_kern(self, key: int) -> str:
        """The name in kern; a natural that contradicts the key signature is written out."""
        octave, letter = divmod(self.step, 7)
        name = LETTERS[letter]
        text = name.lower() * (octave - 3) if octave >= 4 else name * (4 - octave)
        marks = "#" * self.alter if self.alter >= 0 else "-" * -self.alter
        return text + (marks or ("n" if key_alter(key, name) else ""))


@dataclasses.dataclass(frozen=True)
class Event:
    """A note, a chord or (without pitches) a rest.

    Attributes:
        length: In whole notes.
        name: The length in kern, e.g. ``8.`` for a dotted eighth.
        pitches: From low to high.
        opens: Beams, ties and slurs that begin here, and ``closes`` those that end, each in kern's signs.
        marks: Articulation, such as ``'`` (staccato) or ``;`` (fermata).
    """

    length: Fraction
    name: str
    pitches: tuple[Pitch, ...] = ()
    beam: str = ""
    tie: str = ""
    slur: str = ""
    marks: str = ""

    def to_kern(self, key: int) -> str:
        if not self.pitches:
            return f"{self.name}r"
        opening_tie = self.tie if self.tie == "[" else ""
        closing_tie = self.tie if self.tie in ("]", "_") else ""
        notes = [f"{opening_tie}{self.name}{pitch.to_kern(key)}{closing_tie}" for pitch in self.pitches]
        opening_slur = "(" if "(" in self.slur else ""
        closing_slur = ")" if ")" in self.slur else ""
        notes[0] = opening_slur + notes[0]
        # Beams and marks belong to the chord; kern writes them at its last note.
        notes[-1] += self.marks + self.beam + closing_slur
        return " ".join(notes)


@dataclasses.dataclass(frozen=True)
class Staff:
    """One staff: its clef, and the events of each measure."""

    clef: str
    measures: tuple[tuple[Event, ...], ...]


@dataclasses.dataclass(frozen=True)
class Score:
    """Staves from bottom to top, as kern writes them from left to right.

    Attributes:
        staves: All with the same measures' lengths.
        key: Sharps (positive) or flats (negative) of the key signature.
        meter: Beats and beat unit, e.g. ``(6, 8)``.
        ending: The last barline in kern: ``==`` (final), ``=`` or ``=:|!`` (repeat).
    """

    staves: tuple[Staff, ...]
    key: int
    meter: tuple[int, int]
    ending: str = "=="

    def to_kern(self) -> str:
        """The answer: one spine a staff, one line a moment."""
        width = len(self.staves)
        lines = [
            ["**kern"] * width,
            [f"*clef{staff.clef}" for staff in self.staves],
            [f"*k[{key_signature(self.key)}]"] * width,
            [f"*M{self.meter[0]}/{self.meter[1]}"] * width,
            ["=-"] * width,
        ]
        count = len(self.staves[0].measures)
        for number in range(count):
            lines.extend(self._measure(number))
            lines.append([self.ending if number == count - 1 else "="] * width)
        lines.append(["*-"] * width)
        return "\n".join("\t".join(fields) for fields in lines)

    def _measure(self, number: int) -> list[list[str]]:
        starts: list[dict[Fraction, Event]] = []
        for staff in self.staves:
            place = Fraction(0)
            events = {}
            for event in staff.measures[number]:
                events[place] = event
                place += event.length
            starts.append(events)
        moments = sorted(set().union(*starts))
        return [
            [events[moment].to_kern(self.key) if moment in events else "." for events in starts]
            for moment in moments
        ]


def key_signature(key: int) -> str:
    """The inside of kern's ``*k[…]``: ``f#c#`` for 2, ``b-`` for -1."""
    if key >= 0:
        return "".join(f"{letter.lower()}#" for letter in SHARPS[:key])
    return "".join(f"{letter.lower()}-" for letter in SHARPS[::-1][:-key])


def key_alter(key: int, letter: str) -> int:
    """What a key signature does to a letter: 1, 0 or -1 semitones."""
    if key >= 0:
        return int(letter in SHARPS[:key])
    return -int(letter in SHARPS[::-1][:-key])


def check_kern(kern: str) -> None:
    """Check what an engraver would not survive: spines that do not line up. For our own and for a model's kern.

    Raises:
        ValueError: In one line, with the line's number.
    """
    lines = [line for line in kern.strip("\n").split("\n") if line and not line.startswith("!!")]
    if not lines or not all(field.startswith("**") for field in lines[0].split("\t")):
        raise ValueError(
            f"kern starts with a line of **kern, one for each spine; got {lines[0][:40] if lines else ''!r}."
        )
    width = len(lines[0].split("\t"))
    if width > MAX_FIELDS:
        raise ValueError(f"kern with {width} spines; at most {MAX_FIELDS} are engraved.")
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        if len(fields) != width:
            raise ValueError(
                f"Line {number} of the kern has {len(fields)} fields, {width} are open: {line[:40]!r}."
            )
        if not all(fields):
            raise ValueError(f"Line {number} of the kern has an empty field: {line[:40]!r}.")
        width = _width_after(fields, number)
    if width:
        raise ValueError(f"{width} spines of the kern are not closed by *-.")


def _width_after(fields: list[str], number: int) -> int:
    """How many spines are open after a line: ``*^`` splits one, a run of ``*v`` joins, ``*-`` ends."""
    if "*+" in fields or "*x" in fields:
        raise ValueError(f"Line {number} of the kern adds or exchanges spines, which is not supported.")
    width = len(fields) + fields.count("*^") - fields.count("*-")
    joining = [place for place, field in enumerate(fields) if field == "*v"]
    runs = sum(place - 1 not in joining for place in joining)
    if runs and len(joining) < 2 * runs:
        raise ValueError(f"Line {number} of the kern joins a single spine (*v).")
    return width - len(joining) + runs
