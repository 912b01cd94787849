"""got-ocr train: the three stages, fine-tuning, LoRA. Also what ``deepspeed GOT/train/train_GOT.py`` runs."""

from __future__ import annotations

import os

from GOT.cli import common

PROGRAM = "got-ocr train"


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return common.run(PROGRAM, lambda: _train(argv))


def _train(argv: list[str] | None) -> int:
    common.quiet_libraries()
    from GOT.train.command_line import parse
    from GOT.train.run import run
    from GOT.utils import log

    # Every rank runs this; one speaks.
    log.configure(quiet=os.environ.get("RANK", "0") != "0")
    try:
        run(parse(argv))
    except (RuntimeError, FloatingPointError) as error:
        if isinstance(error, RuntimeError) and type(error) is not RuntimeError:
            raise
        common.note(f"{PROGRAM}: {common.one_line(error)}")
        return common.FAILED
    finally:
        _leave_group()
    return common.OK


def _leave_group() -> None:
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
