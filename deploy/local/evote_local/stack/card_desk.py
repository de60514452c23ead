"""A card agent at a terminal, with a simulated resident who reads the screen and types: for tests and the demo."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from ..nodes.ports import LOOPBACK, free_port
from ..nodes.processes import ProcessFailed, die_with_parent

PAGE = "https://vote.tsukuba.example"
"""The page that agents here serve, where no other is named; their residents need no browser to speak for it."""

_PAIRED = re.compile(r"#card-agent=(\d+)\.([\w-]+)\s")
_START_WITHIN_S = 60.0
_ANSWER_WITHIN_S = 60.0
_END_WITHIN_S = 50.0


class ScreenDiffers(Exception):
    """What the resident was waiting for did not appear; the message holds the screen."""


class CardDesk:
    """A PC with one reader: a running ``evote-card-agent`` on a pseudo-terminal; a context manager.

    Start it from the main thread: as any child here, the agent is killed when the thread that started it ends.
    """

    def __init__(
        self, elections: Sequence[str], *, pcsc: Mapping[str, str], reader: str | None = None, page: str = PAGE
    ) -> None:
        """``pcsc``: what a PC/SC client needs in its environment; ``reader``: a part of the reader's name."""
        self.port = free_port()
        self._page = page
        command = [sys.executable, "-m", "evote_card_agent.main", "--page", page, "--port", str(self.port)]
        for election in elections:
            command += ["--election", election]
        if reader is not None:
            command += ["--reader", reader]
        self._command = command
        # Without a display the agent asks at the terminal.
        inherited = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self._environment = {**inherited, **pcsc}
        self._changed = threading.Condition()
        self._read = 0
        self.screen = ""
        """Everything that the terminal has shown."""

    def start(self) -> None:
        """Start the agent and wait until it has shown the paired address."""
        self._terminal, agents_side = pty.openpty()
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            stdin=agents_side,
            stdout=agents_side,
            stderr=agents_side,
            env=self._environment,
            start_new_session=True,
            preexec_fn=_own_terminal(os.getpid()),
        )
        os.close(agents_side)
        self._reading = threading.Thread(target=self._watch, name="screen", daemon=True)
        self._reading.start()
        try:
            self.wait_for("Ctrl-C to stop", _START_WITHIN_S)
        except ScreenDiffers as error:
            self.stop()
            raise ProcessFailed("evote-card-agent", "did not start", str(error)) from None
        paired = _PAIRED.search(self.screen)
        if paired is None:
            raise ScreenDiffers(self.screen)
        self.paired_page = f"{self._page}#card-agent={paired[1]}.{paired[2]}"
        """The address that the agent opens in a browser."""
        page = urlsplit(self._page)
        self.headers = {"Origin": f"{page.scheme}://{page.netloc}", "Authorization": f"Bearer {paired[2]}"}

    @property
    def url(self) -> str:
        """Where the agent answers, without a trailing slash."""
        return f"http://{LOOPBACK}:{self.port}"

    def wait_for(self, text: str, timeout_s: float = _ANSWER_WITHIN_S) -> None:
        """Read on until the terminal shows ``text``; ``ScreenDiffers`` when time is up or the agent ends."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (found := self.screen.find(text, self._read)) < 0:
                if not self._reading.is_alive() or not self._changed.wait(deadline - time.monotonic()):
                    raise ScreenDiffers(f"no {text!r} in {self.screen[self._read :]!r}")
            self._read = found + len(text)

    def type_line(self, line: str) -> None:
        """Type a line and press Enter."""
        os.write(self._terminal, f"{line}\n".encode())

    def consent(self, pin: str, password: str) -> None:
        """Agree to the next signature and type both PINs."""
        self.wait_for("Sign? [y/N]: ")
        self.type_line("y")
        self.wait_for("to cancel: ")
        self.type_line(pin)
        self.wait_for("to cancel: ")
        self.type_line(password)

    async def status(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """What the agent says of its reader and card."""
        response = await client.get(f"{self.url}/v1/status", headers=self.headers)
        return dict(response.raise_for_status().json())

    async def request_signatures(self, client: httpx.AsyncClient, challenge: Mapping[str, Any]) -> httpx.Response:
        """What the voting page does with a challenge from auth; the resident has to :meth:`consent` meanwhile."""
        texts = {name: challenge[name] for name in ("challenge", "release_statement")}
        return await client.post(
            f"{self.url}/v1/signatures", json=texts, headers=self.headers, timeout=_ANSWER_WITHIN_S
        )

    def stop(self) -> int:
        """Press Ctrl-C, and kill what doesn't end; returns the exit status. Safe to repeat."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                os.write(self._terminal, b"\x03")
            try:
                self.process.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)  # with whatever asks for it
        status = self.process.wait()
        self._reading.join()
        return status

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _watch(self) -> None:
        # Linux reports the end of a pseudo-terminal's other side as EIO.
        with contextlib.suppress(OSError), os.fdopen(self._terminal, "rb", buffering=0) as terminal:
            while piece := terminal.read(4096):
                with self._changed:
                    self.screen += piece.decode(errors="replace")
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def _own_terminal(parent: int) -> Callable[[], None]:
    tie = die_with_parent(parent)

    def prepare() -> None:
        tie()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that /dev/tty is this terminal, and Ctrl-C reaches the agent

    return prepare
