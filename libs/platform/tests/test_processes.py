from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

SERVICE = """
import os
from evote_platform.processes import process_pool

if __name__ == "__main__":
    pool = process_pool(1)
    while True:
        print(pool.submit(os.getpid).result(), flush=True)
        input()
"""


def start(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A service with one worker that waits for work, and the worker's id."""
    path = folder / "service.py"
    path.write_text(SERVICE)
    service = subprocess.Popen([sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    return service, int(service.stdout.readline())


def test_a_worker_dies_with_its_service_however_that_ends(tmp_path: Path) -> None:
    service, worker = start(tmp_path)
    ended = os.pidfd_open(worker)
    service.kill()
    readable, _, _ = select.select([ended], [], [], 30)
    assert readable == [ended]
    service.communicate()
    os.close(ended)


def test_an_interrupt_from_the_terminal_is_left_to_the_service(tmp_path: Path) -> None:
    service, worker = start(tmp_path)
    assert service.stdin is not None and service.stdout is not None
    os.kill(worker, signal.SIGINT)
    service.stdin.write("\n")
    service.stdin.flush()
    assert int(service.stdout.readline()) == worker
    service.kill()
    service.communicate()
