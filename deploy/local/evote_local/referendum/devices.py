"""The voters' devices: processes that encrypt, apart from the event loop and from the services."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor

from evote_platform.processors import usable_processors

from ..nodes.processes import die_with_parent


def device_pool() -> ProcessPoolExecutor:
    """Half of the cores, for the services need the others. Ctrl-C is the main program's to handle."""
    processes = max(1, usable_processors() // 2)
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _prepare, (os.getpid(),))


def _prepare(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(parent)()
