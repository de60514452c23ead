"""Giving work up when the client that asked for it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")


class ClientGone(Exception):
    """The client closed the connection before the work was done; the work was stopped."""


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The outcome of ``work``, which is cancelled as soon as the client goes away; raises :class:`ClientGone` then.

    The request's body must have been read: what comes after it can only be the disconnection.
    """
    working, gone, ended = asyncio.current_task(), False, False
    assert working is not None, "a coroutine runs in a task"  # noqa: S101

    def stop(_: object) -> None:
        nonlocal gone
        if not ended:
            gone = True
            working.cancel()

    going = asyncio.ensure_future(_gone(request))
    going.add_done_callback(stop)
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
        # Also when this request itself is cancelled: nothing must go on behind its back.
        going.cancel()
        await asyncio.wait([going])


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
