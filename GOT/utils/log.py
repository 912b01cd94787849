"""One way to log: the library logs, ``cli/`` decides where it goes (stderr) and how much."""

from __future__ import annotations

import logging
import sys

_seen: set[str] = set()


def get_logger(name: str) -> logging.Logger:
    """The logger of one of our modules; call with ``__name__``."""
    return logging.getLogger(name)


def warn_once(logger: logging.Logger, message: str) -> None:
    """Warn about something that continues, the first time only."""
    if message not in _seen:
        _seen.add(message)
        logger.warning(message)


def configure(*, quiet: bool = False) -> None:
    """Send our log lines to stderr, one plain line each. Called by command lines only."""
    level = logging.ERROR if quiet else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("GOT")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
