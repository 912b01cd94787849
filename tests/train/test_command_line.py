"""Flags, YAML files and stages to settings, with their origins; wrong ones are one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from GOT.train.arguments import describe
from GOT.train.command_line import parse
from tests.train.conftest import PUBLISHED, Train

pytest.importorskip("deepspeed", reason='pip install "got-ocr[train]"')


def test_settings_have_origins(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("learning_rate: 3.0e-4\nwarmup_ratio: 0.1\nmodel_max_length: 99\n")
    run = parse(
        [
            "--stage",
            "1",
            "--config",
            str(tmp_path / "run.yaml"),
            "--model_max_length",
            "77",
            "--output_dir",
            str(tmp_path),
        ]
    )
    assert (run.training.learning_rate, run.training.warmup_steps, run.training.model_max_length) == (
        3e-4,
        0.1,
        77,
    )
    assert run.training.num_train_epochs == 3.0
    lines = {line.split()[0]: line for line in describe(run).splitlines()}
    assert lines["learning_rate"].endswith("config file") and lines["model_max_length"].endswith("flag")
    assert lines["num_train_epochs"].endswith("stage 1") and lines["max_tiles"].endswith("default")


def test_a_file_holds_values_as_flags_do(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(
        'learning_rate: 2e-5\nlora_enable: "false"\nstage: "2"\nwarmup_ratio: 0.0\neval_datasets:\n'
        "lr_scheduler_kwargs: {num_cycles: 2}\nreport_to: [none]\n"
    )
    run = parse(["--config", str(tmp_path / "run.yaml"), "--output_dir", str(tmp_path)])
    assert (run.training.learning_rate, run.model.lora_enable, run.training.stage) == (2e-5, False, 2)
    assert run.training.lr_scheduler_kwargs == {"num_cycles": 2} and run.data.eval_datasets is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("length_policy: dorp", "length_policy.*'dorp'.*error.*drop.*split"),
        ("save_layout: hf", "save_layout.*'hf'"),
        ("max_steps: many", "max_steps.*'many'"),
        ("learning_rat: 1.0", "learning_rat"),
        ("[1, 2]", "name: value"),
        ("stage: 'a", "quoted scalar"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_that_names_it(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "run.yaml").write_text(line)
    with pytest.raises(ValueError, match=rf"run\.yaml: .*{words}"):
        parse(["--config", str(tmp_path / "run.yaml")])


def test_every_published_flag_is_taken(tmp_path: Path) -> None:
    run = parse([*PUBLISHED, "--datasets", "pdf-ocr+scene-ocr", "--output_dir", str(tmp_path)])
    training = run.training
    assert (training.eval_strategy, training.save_steps, training.save_total_limit) == ("no", 200, 1)
    assert (training.warmup_steps, training.gradient_accumulation_steps, training.model_max_length) == (
        0.001,
        2,
        8192,
    )
    assert training.gradient_checkpointing and run.data.datasets == "pdf-ocr+scene-ocr"


def test_torch_compile_is_optional(
    train: Train, tiny_checkpoint: Path, word_set: Path, tmp_path: Path
) -> None:
    run = parse(
        [
            "--model_name_or_path",
            str(tiny_checkpoint),
            "--torch_compile",
            "True",
            "--output_dir",
            str(tmp_path),
        ]
    )
    assert run.training.torch_compile


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--stage", "4"], "--stage must be one of 1, 2, 3"),
        (["--datasets", "nothing"], "no data set 'nothing'"),
        (["--model_name_or_path", "/no/such/folder"], "no folder /no/such/folder"),
        (["--architecture", "huge"], "full, tiny or a JSON file"),
        (["--tokenizer", "small:3", "--architecture", "tiny"], "256.."),
        (["--tokenizer", "/no/such/folder", "--architecture", "tiny"], "or a folder; got '/no/such/folder'"),
        (["--deepspeed", "nothing.json"], "zero2.json"),
        (["--use_im_start_end", "False"], "trained with <img>"),
        (["--load_best_model_at_end", "True", "--eval_strategy", "steps"], "not supported"),
        (["--no_such_flag", "1"], "no_such_flag"),
        (["--glyph_weight", "1"], "glyph maps of stage 1"),
        (["--stage", "1", "--save_layout", "transformers"], "one layout"),
        (["--stage", "1", "--lora_enable", "True"], "pretrained decoder"),
        (["--lora_enable", "True", "--train_encoder", "True"], "adapters train alone"),
        (["--decode_samples", "2"], "give --eval_datasets and --eval_strategy"),
        (["--decode_samples", "2", "--stage", "1"], "only teaches its encoder"),
    ],
)
def test_wrong_settings_are_one_line(train: Train, tmp_path: Path, flags: list[str], words: str) -> None:
    result = train(*flags, "--output_dir", tmp_path / "out", check=False)
    assert result.returncode == 2 and words in result.stderr and "Traceback" not in result.stderr
