"""The door of a route (:mod:`.door`): who would wait too long is told so before a byte of their body is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from .access import running_service
from .arrival import arrived
from .bodylimit import Beforehand
from .disconnect import unless_gone
from .door import Door


@dataclass(frozen=True)
class RoomAt(Beforehand):
    """Turns a request away that would wait too long; a route that takes a turn for its work does so itself."""

    door: Callable[[Any], Door]
    """Of the running service."""

    async def before_body(self, request: Request) -> None:
        """Look at the queue; raises ``overloaded``."""
        self.door(await running_service(request)).require_room(arrived(request.scope))


@dataclass(frozen=True)
class TurnAt:
    """As :class:`RoomAt`, and holds a turn from when the body is there until the route is done.

    Who goes away while waiting gives the place up: ``ClientGone``.
    """

    door: Callable[[Any], Door]
    """Of the running service."""

    async def before_body(self, request: Request) -> None:
        """Look at the queue; raises ``overloaded``."""
        await RoomAt(self.door).before_body(request)

    async def __call__(self, request: Request) -> AsyncIterator[None]:
        """For ``Depends``; raises ``overloaded`` when the turn does not come in time."""
        door = self.door(await running_service(request))
        async with AsyncExitStack() as held:
            await unless_gone(request, held.enter_async_context(door.turn(arrived(request.scope))))
            yield
