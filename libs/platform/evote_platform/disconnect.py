"""Giving work up when the client that asked for it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import Request

T = TypeVar("T")
LEAVING_SCOPE_KEY: Final = "evote.leaving"
"""Where the ASGI scope of a request that came by our own server has its connection's :class:`Leaving`."""


class ClientGone(Exception):
    """The client closed the connection before the work was done; the work was stopped."""


class Leaving:
    """Of one connection: whether its client has left, and who is to be told of it."""

    def __init__(self) -> None:
        self.has_left = False
        self.told: set[Callable[[], None]] = set()

    def leave(self) -> None:
        """The connection is lost."""
        self.has_left = True
        for tell in tuple(self.told):
            tell()


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The outcome of ``work``, which is cancelled as soon as the client goes away; raises :class:`ClientGone` then.

    The request's body must have been read: what comes after it can only be the disconnection.
    """
    working, gone, ended = asyncio.current_task(), False, False
    assert working is not None, "a coroutine runs in a task"  # noqa: S101

    def stop() -> None:
        nonlocal gone
        if not ended:
            gone = True
            working.cancel()

    leaving: Leaving = request.scope.get(LEAVING_SCOPE_KEY) or Leaving()
    if leaving.has_left:
        work.close()
        raise ClientGone
    leaving.told.add(stop)
    # A server that isn't ours tells only who asks, and a task for that costs a cast as much as its statement's answer.
    going = None if LEAVING_SCOPE_KEY in request.scope else asyncio.ensure_future(_gone(request))
    if going is not None:
        going.add_done_callback(lambda _: leaving.leave())
    try:
        return await work
    except asyncio.CancelledError:
        # As asyncio.timeout does: our own cancellation is taken back, and one of the whole request goes on.
        if gone and not working.uncancel():
            raise ClientGone from None
        raise
    finally:
        # Who went in the moment in which the work ended has `stop` scheduled already: it would stop what comes next.
        ended = True
        leaving.told.discard(stop)
        if going is not None:
            # Also when this request itself is cancelled: nothing must go on behind its back.
            going.cancel()
            await asyncio.wait([going])


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
