"""What endpoints depend on: the replica, and the type of what is downloaded line by line."""

from __future__ import annotations

from typing import Annotated, Any

from evote_officers import acts
from evote_officers.acts import Act as Commandable
from evote_officers.commands import GivenCommand
from evote_platform.access import Commanded, running_service
from evote_platform.door import Door, Turn
from evote_platform.problems import MALFORMED_JSON, Problem
from evote_platform.turns import TurnAt
from fastapi import Depends

from ..domain.acts import Act, SignedCommand
from ..metrics import Way
from ..service import AuthService

NDJSON = "application/x-ndjson"
Service = Annotated[AuthService, Depends(running_service)]


def turn_by(way: Way) -> Any:
    """For ``Annotated[Turn, turn_by(Way.CARD)]``: a turn among the releases of this way."""

    def door(service: AuthService) -> Door:
        return service.doors[way]

    return Depends(TurnAt(door), scope="function")


CardTurn = Annotated[Turn, turn_by(Way.CARD)]
PhoneTurn = Annotated[Turn, turn_by(Way.PHONE)]


def signed_act(act: Commandable) -> Any:
    """For ``Annotated[Act, signed_act(acts.BLOCK_CARD)]``: what the persons whom it takes have signed."""

    async def signed(given: GivenCommand = Depends(Commanded(act))) -> Act:  # noqa: B008 - how FastAPI is told
        body = None if act is acts.IMPORT_ROLL else _text(given.body)
        return Act(given.names, given.reason, SignedCommand(given.command.nonce, given.sha256, given.statements, body))

    return Depends(signed)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        # Evidence is text that can be hashed again; Python reads JSON in UTF-16 too.
        raise Problem(MALFORMED_JSON) from None
