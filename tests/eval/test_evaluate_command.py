"""The published command and ``got-ocr evaluate``, from files to reports and exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from GOT.cli.evaluate import main
from tests.eval.conftest import PAGES, conversation

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "GOT" / "eval" / "evaluate_GOT.py"


def test_the_published_command_from_any_folder(tiny_checkpoint, fox_folder, tmp_path):
    command = [
        sys.executable, str(SCRIPT), "--model-name", str(tiny_checkpoint),
        "--gtfile_path", str(fox_folder / "en_page_ocr.json"), "--image_path", f"{fox_folder / 'en_pdf_png'}/",
        "--out_path", str(tmp_path / "out put") + "/", "--num-chunks", "2", "--datatype", "OCR",
        "--max-new-tokens", "12", "--batch-size", "2",
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out put"
    answers = [json.loads(line) for line in (out / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [answer["image"] for answer in answers] == list(PAGES)
    assert {answer["asked"] for answer in answers} == {"Read all the text of this page: "}
    assert [answer["status"] == "failed" for answer in answers] == [name == "en_2.png" for name in PAGES]
    report = json.loads((out / "report.json").read_text("utf-8"))
    (stream,) = report["groups"][0]["streams"]
    assert stream["n_total"] == 5 and stream["n_invalid"] == 1 and 0 < stream["strict"]["edit_distance"] <= 1
    assert "strict" in result.stdout and "compat" in result.stdout
    assert "record 2 (image 'en_2.png') could not be read" in result.stderr

    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert again.returncode == 0 and again.stdout == result.stdout
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def predictions(tmp_path, answers) -> str:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(answers, ensure_ascii=False), encoding="utf-8")
    return str(path)


def entries(change=lambda text: text):
    return [{"image": name, "answer": change(text)} for name, text in PAGES.items()]


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


def test_any_models_answers_are_scored(fox_folder, tmp_path, capsys):
    file = predictions(tmp_path, entries())
    assert (
        run(
            "--benchmark",
            "fox-en-page",
            "--data",
            fox_folder,
            "--from-predictions",
            file,
            "-o",
            tmp_path / "o",
        )
        == 0
    )
    report = json.loads((tmp_path / "o" / "report.json").read_text())
    assert report["groups"][0]["streams"][0]["strict"]["edit_distance"] == 0.0
    assert report["published"][-1]["model"] == "GOT"
    assert "METEOR" in capsys.readouterr().out


def test_a_missing_prediction_is_named(fox_folder, tmp_path, capsys):
    file = predictions(tmp_path, entries()[:-1])
    assert (
        run(
            "--benchmark",
            "fox-en-page",
            "--data",
            fox_folder,
            "--from-predictions",
            file,
            "-o",
            tmp_path / "o",
        )
        == 2
    )
    assert "has no answer for record 4 (image 'en_11.png')" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say what to read"),
        (["--benchmark", "fox"], "There is no benchmark 'fox'; choose from"),
        (["--benchmark", "fox-en-page"], "wants --data"),
        (["--benchmark", "fox-en-page", "--data", "nowhere"], "Fox is published at https://"),
        (["--gtfile_path", "gt.json", "--image_path", "."], "There is no file gt.json"),
        (["--gtfile_path", "gt.json", "--image_path", ".", "--datatype", "words"], "--datatype takes ocr"),
        (["--gtfile_path", "gt.json"], "Say what to read"),
        (["--benchmark", "scene", "--gtfile_path", "gt.json"], "not both"),
        (["--benchmark", "scene", "--data", ".", "--limit", "0"], "--limit takes a number from 1"),
        (["--benchmark", "synth-heldout", "--samples", "0"], "--samples takes a number from 1"),
        (["--benchmark", "synth-heldout", "--max-new-tokens", "0"], "--max-new-tokens takes a number from 1"),
        (["--benchmark", "scene", "--num-chunks", "0"], "--num-chunks takes a number from 1"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments, "--out_path", "out") == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_missing_library_is_told_before_anything_is_read(fox_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance.Levenshtein", None)
    monkeypatch.setattr("GOT.cli.evaluate._answers", None)
    assert run("--benchmark", "fox-en-page", "--data", fox_folder, "--out_path", tmp_path / "out") == 2
    assert 'pip install "got-ocr[eval]"' in capsys.readouterr().err


def test_a_file_in_the_place_of_the_out_folder_is_exit_code_2(tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert run("--benchmark", "synth-heldout", "--out_path", tmp_path / "out") == 2
    assert "out is a file" in capsys.readouterr().err and (tmp_path / "out").read_text() == "mine"


def test_a_checkpoint_trained_on_in_place_is_another_run(tiny_checkpoint, fox_folder, tmp_path, capsys):
    weights = tmp_path / "W"
    shutil.copytree(tiny_checkpoint, weights)
    common = [
        "--benchmark",
        "fox-en-page",
        "--data",
        fox_folder,
        "--model-name",
        weights,
        "-o",
        tmp_path / "o",
    ]
    common += ["--limit", 1, "--max-new-tokens", 2, "-q"]
    assert run(*common) == 0
    (file,) = weights.glob("*.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert run(*common) == 2 and "its weights differ" in capsys.readouterr().err
    assert run(*common, "--restart") == 0


def test_ground_truth_that_is_no_json_is_exit_code_2(tmp_path, capsys):
    (tmp_path / "gt.json").write_text("{")
    assert run("--gtfile_path", tmp_path / "gt.json", "--image_path", tmp_path, "-o", tmp_path / "o") == 2
    assert "gt.json is not JSON" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_a_failed_run(fox_folder, tmp_path, capfd):
    common = ["--benchmark", "fox-en-page", "--data", fox_folder, "-o", tmp_path / "o", "--limit", 1]
    code = run(*common, "--model-name", tmp_path / "no")
    assert code == 1
    error = capfd.readouterr().err
    assert "There is no folder" in error and "no averages" in error
    assert not (tmp_path / "o" / "report.json").exists()


def test_the_datatype_decides_the_scores(tmp_path):
    page = "See \\(x\\).\n\\begin{tabular}{l} a \\\\ \\end{tabular}"
    gt = tmp_path / "gt.json"
    gt.write_text(json.dumps([conversation("a.png", "<image>\nOCR with format: ", page)]))
    file = predictions(tmp_path, [{"image": "a.png", "answer": page}])
    common = ["--gtfile_path", gt, "--image_path", tmp_path, "--from-predictions", file]
    assert run(*common, "--datatype", "format", "-o", tmp_path / "format") == 0
    streams = json.loads((tmp_path / "format" / "report.json").read_text())["groups"][0]["streams"]
    assert [stream["stream"] for stream in streams] == ["text", "formula", "table"]
    assert run(*common, "--datatype", "OCR", "-o", tmp_path / "plain") == 0
    streams = json.loads((tmp_path / "plain" / "report.json").read_text())["groups"][0]["streams"]
    assert [stream["stream"] for stream in streams] == [""]


def test_the_prompt_overrides_every_question(fox_folder, tmp_path, monkeypatch):
    from GOT.eval import runner

    asked = []

    def note(plan, progress=None):
        asked.extend(record.asked for record in plan.records)
        raise runner.ShardError("enough")

    monkeypatch.setattr(runner, "run", note)
    common = ["--benchmark", "fox-en-region", "--data", fox_folder, "--model-name", "W", "-o", tmp_path / "o"]
    assert run(*common) == 1 and asked[0] == "[100, 200, 300, 400] OCR: "
    asked.clear()
    assert run(*common, "--prompt", "OCR with format: ") == 1 and set(asked) == {"OCR with format: "}


def test_official_scorers_get_their_files(tmp_path, capsys):
    data = tmp_path / "omni"
    (data / "images").mkdir(parents=True)
    (data / "OmniDocBench.json").write_text(json.dumps([{"page_info": {"image_path": "a.jpg"}}]))
    file = predictions(tmp_path, [{"image": "a.jpg", "answer": "text"}])
    assert (
        run("--benchmark", "omnidocbench", "--data", data, "--from-predictions", file, "-o", tmp_path / "o")
        == 0
    )
    assert (tmp_path / "o" / "predictions" / "a.md").read_text() == "text"
    captured = capsys.readouterr()
    assert "read only" in captured.out and "prediction.data_path" in captured.err


def test_torchrun_ranks_read_their_shards_and_the_first_reports(
    tiny_checkpoint, fox_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("WORLD_SIZE", "2")
    common = [
        "--benchmark", "fox-en-page", "--data", fox_folder, "--model-name", tiny_checkpoint, "-o", tmp_path / "o",
        "--limit", 3, "--max-new-tokens", 4, "-q",
    ]  # fmt: skip
    monkeypatch.setenv("RANK", "1")
    assert run(*common) == 0 and not (tmp_path / "o" / "report.json").exists()
    monkeypatch.setenv("RANK", "0")
    assert run(*common) == 0
    assert json.loads((tmp_path / "o" / "report.json").read_text())["groups"][0]["n_records"] == 3
    assert run(*common, "--restart") == 2  # the others may have read the old answers by then
    assert (tmp_path / "o" / "answers").is_dir()
