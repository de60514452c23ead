"""The door of a route (:mod:`.door`): who would wait too long is told so before a byte of their body is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from .access import running_service
from .arrival import arrived
from .bodylimit import Beforehand, again_within
from .disconnect import unless_gone
from .door import Door, Turn


@dataclass(frozen=True)
class RoomAt(Beforehand):
    """Turns a request away that would wait too long; a route that takes a turn for its work does so itself."""

    door: Callable[[Any], Door]
    """Of the running service."""

    async def before_body(self, request: Request) -> None:
        """Look at the queue; raises ``overloaded``."""
        again_within_s = again_within(request.scope.get("route"))
        self.door(await running_service(request)).require_room(arrived(request.scope), again_within_s)


@dataclass(frozen=True)
class TurnAt:
    """As :class:`RoomAt`, and gives a turn, which is held from when the body is there until the route is done.

    Who goes away while waiting gives the place up: ``ClientGone``. It is for ``Depends(…, scope="function")``: of
    another scope, who doesn't read the answer would keep the turn.
    """

    door: Callable[[Any], Door]
    """Of the running service."""

    async def before_body(self, request: Request) -> None:
        """Look at the queue; raises ``overloaded``."""
        await RoomAt(self.door).before_body(request)

    async def __call__(self, request: Request) -> AsyncIterator[Turn]:
        """Raises ``overloaded`` when the turn does not come in time."""
        door, again_within_s = self.door(await running_service(request)), again_within(request.scope.get("route"))
        async with AsyncExitStack() as held:
            taken = held.enter_async_context(door.turn(arrived(request.scope), again_within_s))
            yield await unless_gone(request, taken)
