"""Processes that work for a service and must not outlive it."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor

_PR_SET_PDEATHSIG = 1  # prctl(2)


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that start from nothing (no lock or connection of the service's is copied) and die with it."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=die_with_the_service)


def die_with_the_service() -> None:
    """For the beginning of a worker: end it when its parent ends, however that ends.

    A worker whose service was killed would wait for work for ever. An interrupt from the terminal goes to the service,
    which stops its workers itself.
    """
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # the service died between the start and prctl: no signal would ever come
    signal.signal(signal.SIGINT, signal.SIG_IGN)
