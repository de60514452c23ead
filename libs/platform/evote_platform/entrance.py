"""Letting connections in: many, each time the event loop comes round.

libuv accepts one a turn of the loop, and the rest stay in the kernel. A loop that is busy with what it has taken on
turns twenty times a second: the hundredth of those who came meanwhile would wait for five seconds, and nobody would
know.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

import structlog

_A_TURN: Final = 64
"""So many each time: they are counted a few turns later, and may by then not have taken the descriptors that a replica
keeps for itself (:mod:`.room`)."""
_AGAIN_AFTER_S: Final = 0.1
_OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""This machine has no room for another connection; everything else is the end of that one alone."""
_log = structlog.get_logger(__name__)


class Entrance:
    """Listens at one socket until :meth:`close`; made inside of the loop that serves."""

    def __init__(self, listening: socket.socket, backlog: int, new_protocol: Callable[[], asyncio.Protocol]) -> None:
        """``backlog`` connections wait in the kernel at most; each gets a ``new_protocol``."""
        self._listening = listening
        self._new_protocol = new_protocol
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[object]] = set()
        self._again: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        listening.listen(backlog)
        self._open()

    def close(self) -> None:
        """Let nobody in any more; whoever opened the socket closes it."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._listening)

    async def wait_closed(self) -> None:
        """Return when all are inside who were let in."""
        await asyncio.gather(*self._coming, return_exceptions=True)

    def _open(self) -> None:
        self._again = None
        self._loop.add_reader(self._listening, self._accept_many)

    def _accept_many(self) -> None:
        for _ in range(_A_TURN):
            try:
                connection, _ = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _OURS:
                    continue
                # The socket stays readable: without a pause the loop would do nothing else.
                _log.error("no-connection-accepted", error=errno.errorcode[error.errno])
                self._loop.remove_reader(self._listening)
                self._again = self._loop.call_later(_AGAIN_AFTER_S, self._open)
                return
            coming = self._loop.create_task(self._loop.connect_accepted_socket(self._new_protocol, connection))
            self._coming.add(coming)
            coming.add_done_callback(self._came)

    def _came(self, coming: asyncio.Task[object]) -> None:
        self._coming.discard(coming)
        if not coming.cancelled():
            coming.exception()  # who has gone again is nobody's error
