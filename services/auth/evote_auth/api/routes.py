"""Endpoints of officers and of voters."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Annotated

from evote_device.keys import parse_device_key
from evote_device.requests import ReleaseRequested
from evote_officers import acts
from evote_platform.access import limit_address, require_auditor, require_officer
from evote_platform.answering import route_adding
from evote_platform.bodylimit import BodyUpTo, GuardedRoute
from evote_platform.clock import rfc3339
from evote_platform.cross_origin import FrontRoute
from evote_platform.paths import ElectionUuidPath
from evote_platform.problems import Problem
from evote_platform.tracing import TRACED
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from ..desks.roll import RollDesk
from ..domain.acts import Act
from ..doors.card import CardDoor
from ..vault.evidence import EvidencedRelease
from ..vault.officers_acts import EvidencedAct
from .access import NDJSON, CardTurn, Service, signed_act
from .models import (
    ChallengeRequest,
    ChallengeResponse,
    ReleaseRequest,
    ReleaseResponse,
    RollFreezeRequest,
    RollFrozenResponse,
    RollImported,
    RollStateResponse,
)
from .other_ways import other_ways_than
from .problems import NOT_CSV

_CSV_BODY = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


async def _door(service: Service) -> CardDoor:
    return CardDoor(service)


async def _desk(service: Service) -> RollDesk:
    return RollDesk(service)


Door = Annotated[CardDoor, Depends(_door)]
Desk = Annotated[RollDesk, Depends(_desk)]
officers = APIRouter(tags=["officer"], route_class=GuardedRoute)
voters = APIRouter(
    tags=["voter"],
    dependencies=[Depends(limit_address)],
    route_class=route_adding(FrontRoute, other_ways_than("card")),
)


@officers.post(
    "/elections/{election_uuid}/roll",
    openapi_extra=_CSV_BODY,
    dependencies=[Depends(TRACED), Depends(BodyUpTo(64 * 1024 * 1024))],  # a roll of 200,000 voters fits
)
async def import_roll(
    election_uuid: ElectionUuidPath, request: Request, desk: Desk, act: Annotated[Act, signed_act(acts.IMPORT_ROLL)]
) -> RollImported:
    """Replace the roll by a CSV file with the columns voter_id, name, address, birth_date, sex.

    The header ``Content-Type: text/csv; charset=utf-8`` or ``shift_jis`` says how it is encoded.
    """
    count = await desk.import_roll(election_uuid, await request.body(), _charset(request), act)
    return RollImported(imported=count, roll_size=count)


@officers.post("/elections/{election_uuid}/roll/freeze", dependencies=[Depends(TRACED)])
async def freeze_roll(
    election_uuid: ElectionUuidPath,
    desk: Desk,
    act: Annotated[Act, signed_act(acts.PUBLISH_CREDENTIALS)],
    body: RollFreezeRequest | None = None,
) -> RollFrozenResponse:
    """Freeze the roll and publish the public credentials; safe to repeat.

    ``expected_size`` is signed with the rest: with another number of voters nothing is frozen.
    """
    size, digest = await desk.freeze_roll(election_uuid, act.command, None if body is None else body.expected_size)
    return RollFrozenResponse(roll_size=size, credentials_sha256=digest)


@officers.get("/elections/{election_uuid}/roll", dependencies=[Depends(require_officer)])
async def roll(election_uuid: ElectionUuidPath, desk: Desk) -> RollStateResponse:
    """How far the roll is; counts only."""
    state = await desk.roll_state(election_uuid)
    return RollStateResponse(roll_size=state.voters, frozen=state.frozen, releases=state.releases)


@officers.get(
    "/elections/{election_uuid}/releases",
    dependencies=[Depends(require_auditor)],
    response_class=StreamingResponse,
    responses={200: {"content": {NDJSON: {}}}},
)
async def releases(election_uuid: ElectionUuidPath, desk: Desk) -> StreamingResponse:
    """Every release with its sealed evidence, for the auditor, who alone can open it.

    A JSON object a line: ``partition``, ``offset`` and ``evidence_sha256`` of the event, ``sealed`` (base64; null when
    the vault has no such evidence). The last line is ``{"releases": n}``: without it the download is incomplete.
    """
    lines = _lines("releases", await desk.evidenced_releases(election_uuid))
    return StreamingResponse(lines, media_type=NDJSON)


@officers.get(
    "/elections/{election_uuid}/officers-acts",
    dependencies=[Depends(require_auditor)],
    response_class=StreamingResponse,
    responses={200: {"content": {NDJSON: {}}}},
)
async def officers_acts(election_uuid: ElectionUuidPath, desk: Desk) -> StreamingResponse:
    """Every act of officers with what they signed, sealed, for the auditor, who alone can open it.

    Lines as of the releases; the last one is ``{"acts": n}``.
    """
    return StreamingResponse(_lines("acts", await desk.evidenced_acts(election_uuid)), media_type=NDJSON)


@voters.post("/elections/{election_uuid}/challenges", status_code=201)
async def challenge(election_uuid: ElectionUuidPath, body: ChallengeRequest, door: Door) -> ChallengeResponse:
    """A challenge for a card and a device, good for one attempt within five minutes."""
    given, texts = await door.give_challenge(election_uuid, parse_device_key(body.device_key))
    return ChallengeResponse(
        challenge_id=given.challenge_id,
        challenge=texts.challenge,
        release_statement=texts.statement,
        expires_at=rfc3339(given.expires_at),
    )


@voters.post("/elections/{election_uuid}/releases")
async def release(election_uuid: ElectionUuidPath, body: ReleaseRequest, door: Door, turn: CardTurn) -> ReleaseResponse:
    """Authenticate by card and receive the private credential, sealed to the device that the challenge names.

    The same request may be repeated while the challenge lasts, for an answer that was lost: sealed anew.
    503 `overloaded`: the turn would come too late; the challenge is as good as before, come again after `Retry-After`.
    """
    sealed = await door.release(election_uuid, body.asked(ReleaseRequested), turn)
    return ReleaseResponse(election_uuid=election_uuid, sealed_credential=sealed)


async def _lines(what: str, found: AsyncIterator[EvidencedRelease | EvidencedAct]) -> AsyncIterator[str]:
    count = 0
    async for evidenced in found:
        count += 1
        line = {
            "partition": evidenced.partition,
            "offset": evidenced.offset,
            "evidence_sha256": evidenced.evidence_sha256,
            "sealed": None if evidenced.sealed is None else base64.b64encode(evidenced.sealed).decode(),
        }
        yield json.dumps(line) + "\n"
    yield json.dumps({what: count}) + "\n"


def _charset(request: Request) -> str:
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").removeprefix("charset=").strip('"') or "utf-8"
    if media_type.strip() != "text/csv" or charset not in ("utf-8", "shift_jis"):
        raise Problem(NOT_CSV)
    return charset
