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
    working = asyncio.ensure_future(work)
    going = asyncio.ensure_future(_gone(request))
    going.add_done_callback(lambda _: working.cancel())
    try:
        return await working
    except asyncio.CancelledError:
        request_cancelled = (current := asyncio.current_task()) is not None and current.cancelling()
        if request_cancelled or going.cancelled() or not going.done():
            raise
        raise ClientGone from None
    finally:
        # Also when this request itself is cancelled: nothing must go on behind its back.
        working.cancel()
        going.cancel()
        await asyncio.gather(working, going, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
