"""Data sets on disk: the same bytes for any workers and after any kill, and nothing half-written when it fails."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from GOT.data_engine import KINDS, folder, runner
from GOT.data_engine.preview import contact_sheet, preview_html, preview_samples
from GOT.data_engine.recipe import Recipe, parse_kinds
from GOT.data_engine.runner import run
from GOT.data_engine.sample import Rejected, Sample
from GOT.data_engine.shards import plan
from GOT.utils.io import write_json

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"width": 200, "height": 80, "tight": False, "font_size": (12, 16)}
RECIPE = Recipe(
    kinds={"line_en": 2, "plain_en": 1, "multi_page": 1},
    count=48,
    seed=7,
    settings={
        "line_en": SMALL,
        "plain_en": SMALL,
        "multi_page": {"bases": {"plain_en": 1}, "settings": {"plain_en": SMALL}},
    },
)


def tree_digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "set"
    run(RECIPE, out, workers=0, shard_size=8)
    return out


def test_a_data_set_is_what_training_reads(finished):
    records = json.loads((finished / "conversations.json").read_text())
    assert len(records) == 48
    for record in records:
        assert set(record) == {"image", "conversations"}
        human, answer = record["conversations"]
        assert (human["from"], answer["from"]) == ("human", "gpt")
        assert human["value"].startswith("<image>\n") and human["value"].count("<image>") == 1
        assert answer["value"]
        path = finished / record["image"]
        if record["image"].endswith("/"):
            pages = sorted(page.name for page in path.iterdir())
            assert pages == [f"page_{number}.png" for number in range(1, len(pages) + 1)]
            assert human["value"] == "<image>\nOCR with format across multi pages: "
        else:
            with Image.open(path) as image:
                image.verify()
    assert any(record["image"].endswith("/") for record in records)


def test_training_finds_every_picture(finished):
    dataset = pytest.importorskip("GOT.data.dataset")
    for record in json.loads((finished / "conversations.json").read_text()):
        assert dataset.image_files(finished, record["image"])


def test_the_summary_counts_kinds_and_tokens(finished):
    summary = json.loads((finished / "summary.json").read_text())
    assert {kind: entry["made"] for kind, entry in summary["kinds"].items()} == {
        "line_en": 24,
        "plain_en": 12,
        "multi_page": 12,
    }
    for entry in summary["kinds"].values():
        assert 0 < entry["tokens"]["min"] <= entry["tokens"]["median"] <= entry["tokens"]["max"]


def test_two_workers_and_two_kills_give_the_same_bytes(finished, tmp_path):
    out = tmp_path / "set"
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "if __name__ == '__main__':\n"
        "    from tests.data_engine.test_runner import RECIPE, run\n"
        "    run(RECIPE, sys.argv[1], workers=2, shard_size=8)\n"
    )
    script = tmp_path / "make.py"
    script.write_text(code)
    kills = 0
    for wanted in (1, 3, None):
        process = subprocess.Popen([sys.executable, str(script), str(out), str(ROOT)], start_new_session=True)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if wanted is not None and len(list(out.glob("shards/*.json"))) >= wanted:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                break
            time.sleep(0.01)
        _wait_for_session(process.pid)
        assert process.wait(timeout=1) == (0 if wanted is None else -signal.SIGKILL)
    assert kills == 2
    assert tree_digest(out) == tree_digest(finished)


def _wait_for_session(session: int) -> None:
    """Workers must end by themselves when their run was killed."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        alive = [
            entry.name
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _session_of(entry) == session
        ]
        if not alive:
            return
        time.sleep(0.05)
    raise AssertionError(f"processes {alive} outlived their run")


def _session_of(entry: Path) -> int | None:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[3])


def test_a_finished_run_does_nothing_when_run_again(finished, monkeypatch):
    before = tree_digest(finished)
    monkeypatch.setattr(runner, "make_shard", lambda *_: pytest.fail("nothing was left to make"))
    run(RECIPE, finished, workers=0, shard_size=8)
    assert tree_digest(finished) == before


def test_another_recipe_in_the_same_folder_is_refused(finished):
    other = Recipe(kinds={"line_en": 1}, count=3)
    with pytest.raises(ValueError, match="holds another run"):
        run(other, finished, workers=0)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(ValueError, match="is not empty"):
        run(RECIPE, tmp_path, workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_runs_into_one_folder_are_refused(tmp_path):
    with folder.locked(tmp_path), pytest.raises(OSError, match="Another run is writing"):
        run(RECIPE, tmp_path, workers=0)


def test_leftovers_of_a_killed_run_are_swept(tmp_path):
    recipe = Recipe(kinds={"line_en": 1}, count=4, settings={"line_en": SMALL})
    run(recipe, tmp_path / "a", workers=0, shard_size=2)
    out = tmp_path / "b"
    (out / "images" / "line_en" / ".00000.xy.tmp").mkdir(parents=True)
    (out / "images" / "line_en" / ".00000.xy.tmp" / "half.png").write_bytes(b"half")
    write_json(out / "recipe.json", {"format": 1, "shard_size": 2, **recipe.to_dict()})
    run(recipe, out, workers=0, shard_size=2)
    assert tree_digest(tmp_path / "a") == tree_digest(out)


def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    recipe = Recipe(kinds={"line_en": 1}, count=6, settings={"line_en": SMALL})
    written = []
    save = folder._save_png

    def fill_up(image, path):
        if len(written) >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        save(image, path)

    monkeypatch.setattr(folder, "_save_png", fill_up)
    with pytest.raises(
        OSError, match=r"is full; 1 of 3 shards are done and kept.*run the same command again"
    ):
        run(recipe, tmp_path / "out", workers=0, shard_size=2)
    left = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png"))
    assert left == ["images/line_en/00000/00000000.png", "images/line_en/00000/00000001.png"]
    monkeypatch.setattr(folder, "_save_png", save)
    assert run(recipe, tmp_path / "out", workers=0, shard_size=2)["samples"] == 6


def test_a_missing_renderer_stops_the_run_with_the_command_that_brings_it(tmp_path, monkeypatch):
    def missing(index, seed):
        raise ImportError('typst is not installed; this needs it: pip install "got-ocr[synth]"')

    fake_kind(monkeypatch, missing)
    with pytest.raises(ImportError, match=r"pip install"):
        run(Recipe(kinds={"fake": 1}, count=2), tmp_path / "out", workers=0)
    assert not list((tmp_path / "out").rglob("*.png"))
    assert not (tmp_path / "out" / "conversations.json").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_the_last_kind_is_tried_before_the_first_is_made(tmp_path, workers):
    made = []
    recipe = Recipe(
        kinds={"line_en": 1, "plain_en": 1},
        count=4,
        settings={"line_en": SMALL, "plain_en": {**SMALL, "degrade": 7}},
    )
    with pytest.raises(ValueError, match="degrade takes a strength"):
        run(recipe, tmp_path / "out", workers=workers, progress=lambda *counts: made.append(counts))
    assert not made
    assert not (tmp_path / "out").exists()


def test_what_was_finished_is_kept_when_a_later_kind_fails(tmp_path, monkeypatch):
    def later(index, seed):
        if index:
            raise ValueError("the second sample is wrong")
        return Sample((Image.new("L", (8, 8)),), "OCR: ", "x")

    fake_kind(monkeypatch, later)
    with pytest.raises(ValueError, match="the second sample"):
        run(Recipe(kinds={"fake": 1}, count=2), tmp_path / "out", workers=0, shard_size=1)
    assert [path.name for path in (tmp_path / "out" / "shards").iterdir()] == ["fake-00000.json"]


def test_rejected_samples_are_counted_with_their_reason(tmp_path, monkeypatch):
    def half(index, seed):
        if index % 2:
            raise Rejected(
                f"fake sample {index} of seed {seed}: 20 attempts rejected, the last one: too long"
            )
        return Sample((Image.new("L", (8, 8)),), "OCR: ", "x")

    fake_kind(monkeypatch, half)
    summary = run(Recipe(kinds={"fake": 1}, count=6), tmp_path, workers=0)
    assert summary["kinds"]["fake"]["reasons"] == {"too long": 3}
    assert summary["samples"] == 3


def test_a_bug_in_a_kind_names_the_sample(tmp_path, monkeypatch):
    def broken(index, seed):
        return {}["nothing"]

    fake_kind(monkeypatch, broken)
    with pytest.raises(RuntimeError, match="fake sample 0 of seed 42 failed: KeyError"):
        run(Recipe(kinds={"fake": 1}, count=1), tmp_path, workers=0)


def test_a_batched_function_is_preferred(tmp_path, monkeypatch):
    def sample(index, seed):
        pytest.fail("one at a time, though there is a batch")

    def samples(indices, seed):
        return [Sample((Image.new("L", (8, 8)),), "OCR: ", str(index)) for index in indices]

    fake_kind(monkeypatch, sample, samples)
    run(Recipe(kinds={"fake": 1}, count=5), tmp_path, workers=0, shard_size=3)
    records = json.loads((tmp_path / "conversations.json").read_text())
    assert [record["conversations"][1]["value"] for record in records] == list("01234")


def fake_kind(monkeypatch, sample, samples=None) -> None:
    import types

    module = types.ModuleType("fake_kind_of_a_test")
    sample.__name__, sample.__module__, module.sample = "sample", module.__name__, sample
    if samples is not None:
        module.samples = samples
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(KINDS, "fake", f"{module.__name__}:sample")


def test_kinds_share_the_count_by_weight():
    assert Recipe(kinds={"plain_en": 2, "line_en": 1, "scene": 0}, count=10).counts() == {
        "plain_en": 7,
        "line_en": 3,
        "scene": 0,
    }
    shards = plan(Recipe(kinds={"plain_en": 1, "line_en": 1}, count=10), shard_size=2)
    assert [shard.kind for shard in shards[:2]] == ["plain_en", "line_en"]
    assert sum(shard.count for shard in shards) == 10


def test_recipes_are_read_from_yaml(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("kinds: {line_en: 1}\ncount: 5\nseed: 3\nsettings:\n  line_en: {font_size: [12, 14]}\n")
    recipe = Recipe.load(path)
    assert (recipe.count, recipe.seed, recipe.settings_of("line_en")) == (5, 3, {"font_size": [12, 14]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kinds: {poem: 1}", "There is no kind 'poem'; choose from"),
        ("kinds: {line_en: 0}", "at least one above 0"),
        ("kinds: {line_en: .nan}", "at least one above 0"),
        ("kinds: {line_en: .inf}", "at least one above 0"),
        ("kinds: {line_en: 1}\ncount: 0", "count takes 1 or more"),
        ("kinds: {line_en: 1}\ncount: 1e3", "count takes a whole number; got '1e3'"),
        ("kinds: {line_en: 1}\nseed: first", "seed takes a whole number; got 'first'"),
        ("kinds: {line_en: '1'}", "numbers; line_en has '1'"),
        ("kinds: {line_en: }", "numbers; line_en has None"),
        ("kinds: {line_en: 1}\nsettings: 3", "settings takes kinds"),
        ("kinds: {line_en: 1}\nsettings: {line_en: }", "settings of line_en are names and values; got None"),
        ("kinds: {line_en: 1}\nfonts: [3]", "fonts takes a list of paths"),
        ("kinds: {line_en: 1}\nsede: 3", "'sede', which is no part of a recipe"),
        ("count: 3", "needs kinds"),
        ("kinds: [", "is not YAML"),
    ],
)
def test_wrong_recipes_say_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "r.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        Recipe.load(path)


def test_a_name_without_a_value_is_as_good_as_not_there(tmp_path):
    (tmp_path / "r.yaml").write_text("kinds: {line_en: 1}\nsettings:\nfonts:\n")
    assert Recipe.load(tmp_path / "r.yaml") == Recipe(kinds={"line_en": 1})


def test_kinds_are_typed_with_or_without_weights():
    assert parse_kinds("plain_en=0.5, scene") == {"plain_en": 0.5, "scene": 1.0}
    with pytest.raises(ValueError, match="no number"):
        parse_kinds("plain_en=half")


def test_every_kind_is_listed_as_module_and_function():
    for entry in KINDS.values():
        module, _, function = entry.partition(":")
        path = ROOT / (module.replace(".", "/") + ".py")
        assert path.is_file(), f"{entry}: {path} is missing"
        assert f"def {function}(" in path.read_text()


def test_the_preview_shows_every_kind_and_escapes_text():
    samples = {
        "line_en": [
            Sample((Image.new("L", (30, 20), 255),), "OCR: ", "<script>alert(1)</script>"),
            Rejected("no <font>"),
        ]
    }
    page = preview_html(samples)
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "data:image/jpeg;base64," in page and "http:" not in page and "https:" not in page
    sheet = contact_sheet(samples, side=64)
    assert sheet.width > 64 and sheet.height >= 64


def test_the_preview_draws_what_a_run_would():
    recipe = Recipe(kinds={"line_en": 1}, count=3, settings={"line_en": SMALL})
    samples = preview_samples(recipe, each=2)["line_en"]
    assert [type(sample) for sample in samples] == [Sample, Sample]
