"""The synth command: exit codes, one-line errors, results on stdout."""

from __future__ import annotations

import json

import pytest

from GOT.cli.synth import main

SMALL = ["--set", "line_en.width=160", "--set", "line_en.font_size=[12,16]", "--workers", "0", "--quiet"]


def test_a_data_set_is_made_and_named_on_stdout(tmp_path, capsys):
    assert main(["--kinds", "line_en", "--count", "5", "--out", str(tmp_path / "set"), *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(tmp_path / "set" / "conversations.json")
    assert lines[0].split()[:4] == ["line_en", "5", "of", "5"]
    assert len(json.loads((tmp_path / "set" / "conversations.json").read_text())) == 5


def test_the_preview_is_one_page(tmp_path, capsys):
    assert main(["--kinds", "line_en", "--out", str(tmp_path), "--preview", "2", *SMALL]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "preview.html")
    assert (tmp_path / "preview.html").read_text().count("<img") == 2


def test_flags_win_over_the_recipe(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("kinds: {line_en: 1}\ncount: 900\nsettings: {line_en: {jitter: 0}}\n")
    arguments = [
        "--recipe",
        str(recipe),
        "--count",
        "2",
        "--seed",
        "9",
        "--out",
        str(tmp_path / "set"),
        *SMALL,
    ]
    assert main(arguments) == 0
    made = json.loads((tmp_path / "set" / "recipe.json").read_text())
    assert (made["count"], made["seed"]) == (2, 9)
    assert made["settings"] == {"line_en": {"font_size": [12, 16], "jitter": 0, "width": 160}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kinds", "poem"], "There is no kind 'poem'; choose from"),
        ([], "Name --kinds"),
        (["--kinds", "line_en=x"], "is no number"),
        (["--kinds", "line_en", "--workers", "-1"], "--workers takes 0"),
        (["--kinds", "line_en", "--set", "degrade=1"], "--set takes KIND.NAME=VALUE"),
        (["--kinds", "line_en", "--count", "0"], "count takes 1 or more"),
        (["--recipe", "none.yaml"], "No recipe none.yaml"),
        (["--kinds", "line_en", *SMALL, "--set", "line_en.colour=1"], "line_en has no setting 'colour'"),
        (["--kinds", "line_en", *SMALL, "--set", "line_en.degrade=7"], "a strength from 0 to 1; got 7"),
        (
            ["--kinds", "line_en", *SMALL, "--set", "line_en.degrade=much"],
            "degrade of line_en takes a value like 0.3; got 'much'",
        ),
        (["--kinds", "line_en", *SMALL, "--set", "line_en.width=wide"], "takes a value like (120, 1000)"),
        (["--kinds", "line_en", *SMALL, "--set", "line_en.sources=5"], "takes a value like {'prose'"),
        (["--kinds", "line_en", *SMALL, "--text", "none"], "--text none does not exist"),
        (["--kinds", "line_en", *SMALL, "--fonts", "none"], "--fonts none is neither"),
    ],
)
def test_a_wrong_command_is_told_in_one_line(tmp_path, capsys, arguments, message):
    assert main([*arguments, "--out", str(tmp_path / "set")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_a_file_is_no_folder_for_a_data_set(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["--kinds", "line_en", "--out", str(tmp_path / "file"), *SMALL]) == 2
    assert "--out wants a folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_without_text_is_a_wrong_command_and_leaves_nothing(tmp_path, capsys):
    empty = tmp_path / "texts"
    empty.mkdir()
    arguments = [
        "--kinds",
        "line_en",
        "--count",
        "2",
        "--text",
        str(empty),
        "--out",
        str(tmp_path / "set"),
        *SMALL,
    ]
    assert main(arguments) == 2
    assert "No text in" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_what_fails_at_work_is_exit_code_one(tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr("GOT.data_engine.folder._save_png", broken)
    assert main(["--kinds", "line_en", "--count", "2", "--out", str(tmp_path / "set"), *SMALL]) == 1
    assert "the disk is gone" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
