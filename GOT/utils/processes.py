"""Worker processes that end with the process that started them, however that ends."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading


def die_with_parent() -> None:
    """End this worker when its parent is gone: an orphan would go on writing beside the run that resumes.

    To be called at the start of a process of ``multiprocessing``.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
