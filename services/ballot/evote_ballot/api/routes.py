"""Endpoints: casting, status, the public board and the turnout, for whoever asks: a ballot authorises itself."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from time import perf_counter
from typing import Annotated

from evote_eventlog.errors import LogUnavailable
from evote_platform.access import limit_address, running_service
from evote_platform.arrival import arrived
from evote_platform.auditors import OPTIONAL_ACCESS, reader_of
from evote_platform.bodylimit import BodyUpTo
from evote_platform.caching import public_for
from evote_platform.clock import rfc3339
from evote_platform.cross_origin import FrontRoute
from evote_platform.disconnect import unless_gone
from evote_platform.door import Door
from evote_platform.paths import ElectionUuidPath, SafeInt, TrackerPath
from evote_platform.publication import (
    Matter,
    Reader,
    demand_readable,
    is_readable,
    text_to_the_minute,
    to_the_minute,
)
from evote_platform.turns import RoomAt
from fastapi import APIRouter, Depends, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from .. import store
from ..domain.by_hour import by_hour
from ..domain.receipt import TakenIn
from ..domain.refusals import Overloaded, StandingUnknown, UnknownTracker
from ..intake import CheckedCast
from ..service import BallotService
from ..store import Standing, Turnout
from ..turnout import AsOf
from .models import (
    CAST_SCHEMA,
    AnchorOfBallot,
    Board,
    BoardLine,
    HolderChallenge,
    HolderProof,
    OwnBallots,
    Position,
    Receipt,
    ReceiptKey,
    Status,
    TurnoutByHour,
    TurnoutResponse,
    VotersUntil,
    receipt_json,
)

router = APIRouter(tags=["public"], route_class=FrontRoute)
_MOST_CAST_BYTES = 256 * 1024
# Read by hand, because its texts must be exact; what is read is strict.
_CAST_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": CAST_SCHEMA}}}}
_TICK_S = 1.0
_LIVE, _SETTLED = public_for(1), public_for(60)
_WATCHERS_RETRY_AFTER_S = 10.0
Service = Annotated[BallotService, Depends(running_service)]
ReaderOf = Annotated[Reader, Depends(reader_of)]


def _door(service: BallotService) -> Door:
    return service.door


@router.post(
    "/elections/{election_uuid}/ballots",
    status_code=201,
    response_model=Receipt,
    responses={200: {"model": Receipt, "description": "This ballot was taken in before; its first receipt"}},
    openapi_extra=_CAST_BODY,
    # The address first: who asks too often must not set the time at which others come again.
    dependencies=[Depends(limit_address), Depends(RoomAt(_door)), Depends(BodyUpTo(_MOST_CAST_BYTES))],
)
async def cast(election_uuid: ElectionUuidPath, request: Request, service: Service) -> Response:
    """Cast a ballot: its exact text and the order statement about it. Safe to repeat until there is a receipt.

    A ballot that has a receipt gets it again. 409 `older-than-your-last-ballot` names the credential's last ballot: a
    device that finds it in the log signs the same ballot's order anew, one above `last_number`. 403 `no-ballots-left`:
    one credential casts as many as `most` says, and `/own-ballots` tells beforehand how many are left; a ballot that
    had no answer gets its receipt all the same.
    503 `overloaded`: the receipt would take over two seconds; nothing was recorded, come again after `Retry-After`.
    Behind `closes_at`, 503 `close-pending`: whether this ballot had arrived before isn't settled; the same bytes again
    get its receipt, or 403 `election-closed` with `settled` once it can't have arrived. Without that member (the
    release before) it is said by the clock alone: whoever missed an answer asks on with the same bytes.
    """
    started = perf_counter()
    body = await request.body()
    async with AsyncExitStack() as held:

        async def checked() -> CheckedCast | TakenIn:
            await held.enter_async_context(service.door.turn(arrived(request.scope)))
            return await service.intake.check(election_uuid, body)

        # Who goes away gives a turn back, or their place in the queue for one.
        taken_in = await unless_gone(request, checked())
        if isinstance(taken_in, CheckedCast):
            # From here on it goes through, also when the client is gone: it may be durable already.
            taken_in = await service.intake.record(taken_in)
    service.metrics.intake_seconds.labels("new" if taken_in.is_new else "repeated").observe(perf_counter() - started)
    receipt = receipt_json(taken_in.receipt)
    return Response(receipt, status_code=201 if taken_in.is_new else 200, media_type="application/json")


@router.get("/elections/{election_uuid}/ballots", openapi_extra=OPTIONAL_ACCESS, dependencies=[Depends(_LIVE)])
async def board(
    election_uuid: ElectionUuidPath,
    service: Service,
    reader: ReaderOf,
    after: Annotated[SafeInt | None, Query(description="The last log index of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Board:
    """The public board: every logged ballot, the superseded ones too; which those are, after the close."""
    async with service.reads.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        stage = (await store.load_election(connection, election_uuid)).stage
        items = await store.board(connection, election_uuid, -1 if after is None else after, limit)
        size = await store.log_size(connection)
    linked = is_readable(Matter.SUCCESSION, stage, reader)
    lines = [
        BoardLine(log_index=i.log_index, tracker=i.tracker, superseded=i.superseded if linked else None) for i in items
    ]
    return Board(items=lines, next=lines[-1].log_index if len(lines) == limit else None, log_size=size)


@router.get(
    "/elections/{election_uuid}/ballots/{tracker:path}",
    openapi_extra=OPTIONAL_ACCESS,
    dependencies=[Depends(_SETTLED)],
)
async def ballot(election_uuid: ElectionUuidPath, tracker: TrackerPath, service: Service, reader: ReaderOf) -> Response:
    """A ballot's exact text, which names its credential: after the close, or for an auditor."""
    async with service.reads.acquire() as connection:
        demand_readable(Matter.BALLOTS, (await store.load_election(connection, election_uuid)).stage, reader)
        text = await store.ballot_text(connection, election_uuid, tracker)
    if text is None:
        raise UnknownTracker
    return Response(text, media_type="application/json")


@router.get(
    "/elections/{election_uuid}/status/{tracker:path}",
    response_model=Status,
    openapi_extra=OPTIONAL_ACCESS,
    dependencies=[Depends(_LIVE)],
)
async def status(election_uuid: ElectionUuidPath, tracker: TrackerPath, service: Service, reader: ReaderOf) -> Response:
    """How far a ballot is; never a state before it is reached."""
    async with service.reads.acquire() as connection:
        stage, standing = await store.find_standing(connection, election_uuid, tracker)
    if standing is None:
        try:
            standing = await _read_standing(service, election_uuid, tracker)
        except LogUnavailable as error:
            raise StandingUnknown(error.retry_after_s) from error
    if standing is None:
        raise UnknownTracker
    linked = is_readable(Matter.SUCCESSION, stage, reader)
    place = Position(partition=standing.acceptance.partition, offset=standing.acceptance.offset)
    answer = Status(
        tracker=tracker,
        state=standing.state,
        position=place if linked else None,
        accepted_at=text_to_the_minute(standing.acceptance.accepted_at),
        log_index=standing.log_index,
        leaf_hash=None if standing.leaf_hash is None else standing.leaf_hash.hex(),
        checkpoint_size=standing.checkpoint_size,
        witnessed_size=standing.witnessed_size,
        anchors=[AnchorOfBallot(**asdict(anchor)) for anchor in standing.anchors],
        superseded_by=standing.superseded_by if linked else None,
    )
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


async def _read_standing(service: BallotService, election_uuid: str, tracker: str) -> Standing | None:
    """Of a ballot that the tables don't have yet: by what the reader has seen."""
    credential = service.read_back.credential_of(election_uuid, tracker)
    if credential is None:
        await service.read_back.look_with_others()  # another replica may have taken it in just now
        credential = service.read_back.credential_of(election_uuid, tracker)
    if credential is None:
        return None
    async with service.reads.acquire() as connection:
        look = await store.look_at(connection, election_uuid, credential)
    accepted = look.history(service.read_back).accepted(tracker)
    return None if accepted is None else Standing(accepted)


@router.post("/elections/{election_uuid}/own-ballots/challenges", status_code=201)
async def holder_challenge(election_uuid: ElectionUuidPath, service: Service) -> HolderChallenge:
    """What to sign with the credential, to be told of its ballots; good for five minutes."""
    return HolderChallenge(challenge=await service.holders.challenge(election_uuid))


@router.post("/elections/{election_uuid}/own-ballots", dependencies=[Depends(limit_address)])
async def own_ballots(
    election_uuid: ElectionUuidPath, body: HolderProof, service: Service, response: Response
) -> OwnBallots:
    """The ballots of a credential, for whoever proves to hold it: their numbers, and which of them is the last.

    The hash of each record is in the log, where the device looks for it before it believes the number.
    """
    response.headers["Cache-Control"] = "no-store"
    found = await service.holders.own_ballots(election_uuid, body.credential, body.challenge, body.signature)
    return OwnBallots.of(found)


@router.get("/elections/{election_uuid}/turnout", dependencies=[Depends(_LIVE)])
async def turnout(election_uuid: ElectionUuidPath, service: Service) -> TurnoutResponse:
    """The counts, at most a second old."""
    return _turnout(await service.turnout.current(election_uuid))


@router.get("/elections/{election_uuid}/turnout/by-hour", dependencies=[Depends(_SETTLED)])
async def turnout_by_hour(election_uuid: ElectionUuidPath, service: Service) -> TurnoutByHour:
    """How many voters there were by each full hour, at most a minute old; small groups are merged."""
    latest = await service.voters_by_hour.current(election_uuid)
    rows = [VotersUntil(until=rfc3339(row.until), voters=row.voters) for row in by_hour(latest.counts, latest.as_of)]
    return TurnoutByHour(items=rows, as_of=rfc3339(to_the_minute(latest.as_of)))


@router.get(
    "/elections/{election_uuid}/turnout/events",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def turnout_events(election_uuid: ElectionUuidPath, service: Service) -> EventSourceResponse:
    """The counts as server-sent events ``turnout``, whenever they change."""
    first = await service.turnout.current(election_uuid)
    if service.watchers >= service.most_watchers:
        raise Overloaded(_WATCHERS_RETRY_AFTER_S)
    return EventSourceResponse(_watch(election_uuid, first, service))


@router.get("/receipt-key", dependencies=[Depends(_SETTLED)])
async def receipt_key(service: Service) -> ReceiptKey:
    """The public key of receipts."""
    public = service.intake.receipt_key.public_key().public_bytes_raw()
    return ReceiptKey(algorithm="Ed25519", public_key=base64.b64encode(public).decode())


async def _watch(election_uuid: str, first: AsOf[Turnout], service: BallotService) -> AsyncIterator[ServerSentEvent]:
    service.watchers += 1
    service.metrics.turnout_watchers.inc()
    try:
        shown, latest = None, first
        while not service.draining.is_set():
            if latest.counts != shown:
                shown = latest.counts
                yield ServerSentEvent(event="turnout", data=_turnout(latest).model_dump_json())
            await asyncio.sleep(_TICK_S)
            latest = await service.turnout.current(election_uuid)
    finally:
        service.watchers -= 1
        service.metrics.turnout_watchers.dec()


def _turnout(latest: AsOf[Turnout]) -> TurnoutResponse:
    counts = latest.counts
    return TurnoutResponse(
        accepted=counts.accepted,
        logged=counts.logged,
        voters=counts.voters,
        roll_size=counts.roll_size,
        as_of=rfc3339(to_the_minute(latest.as_of)),
    )
