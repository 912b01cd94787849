"""What every command line shares: model flags, one-line errors, exit codes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from GOT.utils import log
from GOT.utils.cache import CACHE_VARIABLE
from GOT.utils.hub import bundled_checkpoint

if TYPE_CHECKING:
    from GOT.inference.pipeline import GOTPipeline

OK, FAILED, USAGE = 0, 1, 2
BACKEND_VARIABLE = "GOT_BACKEND"  # what --backend is where the flag is not given


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} ({self.prog} --help tells more)\n")


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say which checkpoint runs, where, and how."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model-name",
        metavar="W",
        help="checkpoint: a folder, or a hub name; default: the embedded got-tiny",
    )
    group.add_argument("--revision", help="revision on the hub; a commit pins it")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    group.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16 (default: auto)")
    group.add_argument(
        "--backend",
        default=os.environ.get(BACKEND_VARIABLE, "auto"),
        help=f"torch, openvino (CPUs), or auto: openvino on a CPU where it is installed (auto, or ${BACKEND_VARIABLE})",
    )
    group.add_argument(
        "--attn-implementation",
        default="sdpa",
        choices=("eager", "sdpa", "flash_attention_2"),
        help="attention of the torch backend (default: sdpa)",
    )
    add_precision_flags(parser)


def add_precision_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of exported engines: in which numbers they compute, and where exports are kept."""
    group = parser.add_argument_group("openvino")
    group.add_argument(
        "--precision",
        default="auto",
        help="float32, int8, int8-activations, or auto: the fastest that keeps the text of sample pages (auto)",
    )
    group.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help=f"where exports are kept (${CACHE_VARIABLE})"
    )
    group.add_argument(
        "--allow-lossy", action="store_true", help="take the precision although it changes text"
    )


def load_pipeline(arguments: argparse.Namespace) -> GOTPipeline:
    """Load the checkpoint that the flags of :func:`add_model_flags` name."""
    name = arguments.model_name
    if name is None:
        bundled = bundled_checkpoint()
        if bundled is None:
            raise FileNotFoundError(
                "No checkpoint is shipped with this copy; give --model-name: a folder, or stepfun-ai/GOT-OCR-2.0-hf."
            )
        note(
            "Reading with the embedded got-tiny (8 M weights, two CPU cores' training): a few words of English print. "
            "For real documents: --model-name stepfun-ai/GOT-OCR-2.0-hf (or a folder)."
        )
        name = str(bundled)
    quiet_libraries()
    from GOT.inference.pipeline import GOTPipeline

    return GOTPipeline.from_pretrained(
        name,
        revision=arguments.revision,
        device=arguments.device,
        dtype=arguments.dtype,
        backend=arguments.backend,
        attn_implementation=arguments.attn_implementation,
        engine_options=engine_options(arguments),
    )


def engine_options(arguments: argparse.Namespace) -> dict[str, object]:
    """The flags of :func:`add_precision_flags` as ``GOTPipeline.from_pretrained`` takes them."""
    return {name: getattr(arguments, name) for name in ("precision", "cache_dir", "allow_lossy")}


def quiet_libraries() -> None:
    """Keep other libraries' chatter off a user's screen; their errors still come as exceptions."""
    import logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in ("transformers", "huggingface_hub", "deepspeed", "torch.distributed"):
        logging.getLogger(name).setLevel(logging.ERROR)


def note(message: str) -> None:
    """One line on stderr."""
    print(message, file=sys.stderr)


def run(program: str, work: Callable[[], int]) -> int:
    """Do the work; errors that a user can cause become one line and exit code 2, an interruption 130."""
    log.configure()
    if hasattr(sys.stdout, "reconfigure") and (sys.stdout.encoding or "").lower() != "utf-8":
        sys.stdout.reconfigure(encoding="utf-8")  # what is read is Unicode, whatever the terminal's locale
    try:
        code = work()
        sys.stdout.flush()
        return code
    except (ValueError, FileNotFoundError, ImportError) as error:
        note(f"{program}: {one_line(error)}")
        return USAGE
    except BrokenPipeError:  # `got-ocr read … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (OSError, MemoryError) as error:
        note(f"{program}: {one_line(error)}")
        return FAILED
    except RuntimeError as error:
        from GOT.inference.memory import is_out_of_memory  # imports torch: here only

        if not is_out_of_memory(error):
            raise
        note(f"{program}: memory is too small: {one_line(error)[:200]} (a smaller --batch-size needs less)")
        return FAILED
    except KeyboardInterrupt:
        note(f"{program}: interrupted")
        return 130


def one_line(error: BaseException) -> str:
    """An error's message without line breaks; of one that a loader's process passed on, without its traceback."""
    text = str(error)
    if text.startswith("Caught ") and "Traceback" in text:
        *_, text = re.split(r"^[\w.]+(?:Error|Exception): ", text, flags=re.MULTILINE)
    return " ".join(text.split()) or type(error).__name__


def comma_list(text: str) -> list[str]:
    """``a,b`` to ``["a", "b"]``, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def check_choices(values: Sequence[str], choices: Sequence[str], *, flag: str) -> None:
    """Insist that a comma list holds known words only."""
    wrong = [value for value in values if value not in choices]
    if wrong or not values:
        raise ValueError(f"{flag} takes {', '.join(choices)}; got {', '.join(wrong) or 'nothing'}.")
