"""What election officers do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated

from evote_belenios.election import new_uuid
from evote_eventlog.events import ElectionEventData, OfficersCommand, RollFrozen
from evote_officers import acts
from evote_officers.commands import GivenCommand
from evote_platform.access import Commanded, require_officer
from evote_platform.bodylimit import GuardedRoute
from evote_platform.paths import ElectionUuidPath
from evote_platform.problems import MALFORMED_JSON, Problem
from evote_platform.tracing import TRACED
from fastapi import APIRouter, Depends

from .. import store
from ..domain.ceremony import renew_key
from ..domain.drafting import draft_election
from ..domain.election import Election, Stage
from ..domain.lifecycle import abandon_election, certify_result, close_election, open_election
from ..domain.preflight import Check, preflight, require_ready
from ..domain.refusals import RollNotReady, UnknownElection
from ..domain.roll import complete_roll, freeze_roll
from ..exports import archive_sha256, plan_archive
from ..probes import probe_services
from .access import LARGE_BODY, Service, TrusteePath
from .models import (
    CertifyRequest,
    CertifyResponse,
    CheckModel,
    DraftRequest,
    DraftResponse,
    FreezeRequest,
    FreezeResponse,
    PreflightResponse,
    RenewKeyRequest,
    StateResponse,
)

router = APIRouter(tags=["officer"], route_class=GuardedRoute, dependencies=[Depends(TRACED)])


@router.post("/elections", status_code=201, dependencies=[Depends(LARGE_BODY)])
async def draft(
    body: DraftRequest, service: Service, given: Annotated[GivenCommand, Depends(Commanded(acts.DRAFT))]
) -> DraftResponse:
    """Write an election down. The command, sent again, is answered with the same election."""
    uuid = new_uuid(_stream_of(given))
    try:
        async with service.pool.acquire() as connection:
            await store.load_election(connection, uuid)
    except UnknownElection:
        event = draft_election(body.order(), uuid=uuid, now=service.clock())
        # Two replicas that come here with one command publish the draft twice, and the first one stands.
        await service.commands.create(*_signed([event], given))
    return DraftResponse(election_uuid=uuid)


@router.post("/elections/{election_uuid}/roll/freeze")
async def freeze(
    election_uuid: ElectionUuidPath,
    body: FreezeRequest,
    service: Service,
    given: Annotated[GivenCommand, Depends(Commanded(acts.FREEZE))],
) -> FreezeResponse:
    """Freeze the roll at the credentials that auth published."""

    async def decide(election: Election, connection: store.Connection) -> Sequence[ElectionEventData]:
        parts = await store.credential_parts(connection, election_uuid)
        return _signed(await service.worker.run(freeze_roll, election, parts, body.expected_size), given)

    election = await service.commands.execute(election_uuid, decide)
    roll = election.fact(RollFrozen)
    assert roll is not None, "the command froze the roll"  # noqa: S101
    return FreezeResponse(roll_size=roll.roll_size, credentials_sha256=roll.credentials_sha256)


@router.get("/elections/{election_uuid}/preflight", dependencies=[Depends(require_officer)])
async def look_before_opening(election_uuid: ElectionUuidPath, service: Service) -> PreflightResponse:
    """Say what is ready for the opening and what isn't."""
    async with service.pool.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
        election.require_not_abandoned()
        checks = await _checks(election, connection, service)
    return PreflightResponse(
        ready=all(check.ready for check in checks),
        checks=tuple(CheckModel(name=c.name, ready=c.ready, detail=c.detail) for c in checks),
    )


@router.post("/elections/{election_uuid}/open")
async def open_(
    election_uuid: ElectionUuidPath,
    service: Service,
    given: Annotated[GivenCommand, Depends(Commanded(acts.OPEN))],
) -> StateResponse:
    """Open the election when everything is ready."""

    async def decide(election: Election, connection: store.Connection) -> Sequence[ElectionEventData]:
        if election.stage in (Stage.DRAFTED, Stage.ROLL_FROZEN):
            require_ready(await _checks(election, connection, service))
        return _signed(await service.worker.run(open_election, election), given)

    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


@router.post("/elections/{election_uuid}/trustees/{trustee}/key")
async def renew(
    election_uuid: ElectionUuidPath,
    trustee: TrusteePath,
    body: RenewKeyRequest,
    service: Service,
    given: Annotated[GivenCommand, Depends(Commanded(acts.RENEW_TRUSTEE))],
) -> StateResponse:
    """Put another key in the place of a trustee's: the old one, and the certificate sent with it, count no more."""

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return _signed(renew_key(election, trustee, body.key), given)

    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


@router.post("/elections/{election_uuid}/abandon")
async def abandon(
    election_uuid: ElectionUuidPath,
    service: Service,
    given: Annotated[GivenCommand, Depends(Commanded(acts.ABANDON))],
) -> StateResponse:
    """Give up an election that was never opened; it is never opened then."""

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return _signed(abandon_election(election), given)

    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


@router.post("/elections/{election_uuid}/close")
async def close(
    election_uuid: ElectionUuidPath,
    service: Service,
    given: Annotated[GivenCommand, Depends(Commanded(acts.CLOSE))],
) -> StateResponse:
    """Close the election before its closing time."""

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return _signed(close_election(election, "officer"), given)

    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


@router.post("/elections/{election_uuid}/certify")
async def certify(
    election_uuid: ElectionUuidPath,
    body: CertifyRequest,
    service: Service,
    given: Annotated[GivenCommand, Depends(Commanded(acts.CERTIFY))],
) -> CertifyResponse:
    """Certify the result at the end of the archive that the officers have verified."""
    async with service.pool.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
        election.require_stage(Stage.DECRYPTED, Stage.CERTIFIED)
        plan = await plan_archive(connection, election_uuid)
    sha256 = await archive_sha256(service.pool, plan)

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return _signed(certify_result(election, sha256, body.archive_sha256), given)

    election = await service.commands.execute(election_uuid, decide)
    return CertifyResponse(election_uuid=election_uuid, state=election.stage, archive_sha256=sha256)


async def _checks(election: Election, connection: store.Connection, service: Service) -> tuple[Check, ...]:
    try:
        complete_roll(await store.credential_parts(connection, election.uuid))
        published = True
    except RollNotReady:
        published = False
    reports = await probe_services(service.http, service.service_urls, service.clock)
    return preflight(election, credentials_published=published, services=reports, now=service.clock())


def _signed(events: Sequence[ElectionEventData], given: GivenCommand) -> list[ElectionEventData]:
    """The events of a command, with what was signed for them to happen."""
    try:
        body = given.body.decode()
    except UnicodeDecodeError:
        # Python reads JSON in UTF-16 too; an event holds text that anybody can hash again.
        raise Problem(MALFORMED_JSON) from None
    command = OfficersCommand(body=body, statements=given.statements)
    return [event.model_copy(update={"command": command}) for event in events]


def _stream_of(given: GivenCommand) -> Callable[[int], bytes]:
    """Bytes that follow from the command and its random nonce: sent again, it drafts nothing new."""
    return lambda size: hashlib.shake_256(f"election {given.sha256}".encode()).digest(size)
