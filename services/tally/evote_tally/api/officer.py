"""What election officers do."""

from __future__ import annotations

from collections.abc import Sequence

from evote_belenios.election import new_uuid
from evote_eventlog.events import ElectionEventData, RollFrozen
from evote_platform.access import require_officer
from evote_platform.paths import ElectionUuidPath
from fastapi import APIRouter, Depends

from .. import store
from ..domain.drafting import draft_election
from ..domain.election import Election, Stage
from ..domain.lifecycle import certify_result, close_election, open_election
from ..domain.preflight import Check, preflight, require_ready
from ..domain.refusals import RollNotReady
from ..domain.roll import complete_roll, freeze_roll
from ..exports import archive_sha256, plan_archive
from ..probes import probe_services
from .access import Service
from .models import (
    CertifyResponse,
    CheckModel,
    DraftRequest,
    DraftResponse,
    FreezeRequest,
    FreezeResponse,
    PreflightResponse,
    StateResponse,
)

router = APIRouter(tags=["officer"], dependencies=[Depends(require_officer)])


@router.post("/elections", status_code=201)
async def draft(body: DraftRequest, service: Service) -> DraftResponse:
    """Write an election down."""
    event = draft_election(body.order(), uuid=new_uuid(service.random), now=service.clock())
    await service.commands.create(event)
    return DraftResponse(election_uuid=event.election_uuid)


@router.post("/elections/{election_uuid}/roll/freeze")
async def freeze(election_uuid: ElectionUuidPath, body: FreezeRequest, service: Service) -> FreezeResponse:
    """Freeze the roll at the credentials that auth published."""

    async def decide(election: Election, connection: store.Connection) -> Sequence[ElectionEventData]:
        parts = await store.credential_parts(connection, election_uuid)
        return await service.worker.run(freeze_roll, election, parts, body.expected_size)

    election = await service.commands.execute(election_uuid, decide)
    roll = election.fact(RollFrozen)
    assert roll is not None, "the command froze the roll"  # noqa: S101
    return FreezeResponse(roll_size=roll.roll_size, credentials_sha256=roll.credentials_sha256)


@router.get("/elections/{election_uuid}/preflight")
async def look_before_opening(election_uuid: ElectionUuidPath, service: Service) -> PreflightResponse:
    """Say what is ready for the opening and what isn't."""
    async with service.pool.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
        checks = await _checks(election, connection, service)
    return PreflightResponse(
        ready=all(check.ready for check in checks),
        checks=tuple(CheckModel(name=c.name, ready=c.ready, detail=c.detail) for c in checks),
    )


@router.post("/elections/{election_uuid}/open")
async def open_(election_uuid: ElectionUuidPath, service: Service) -> StateResponse:
    """Open the election when everything is ready."""

    async def decide(election: Election, connection: store.Connection) -> Sequence[ElectionEventData]:
        if election.stage in (Stage.DRAFTED, Stage.ROLL_FROZEN):
            require_ready(await _checks(election, connection, service))
        return await service.worker.run(open_election, election)

    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


@router.post("/elections/{election_uuid}/close")
async def close(election_uuid: ElectionUuidPath, service: Service) -> StateResponse:
    """Close the election before its closing time."""

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return close_election(election, "officer")

    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


@router.post("/elections/{election_uuid}/certify")
async def certify(election_uuid: ElectionUuidPath, service: Service) -> CertifyResponse:
    """Certify the result at the end of the archive."""
    async with service.pool.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
        election.require_stage(Stage.DECRYPTED, Stage.CERTIFIED)
        plan = await plan_archive(connection, election_uuid)
    sha256 = await archive_sha256(service.pool, plan)

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return certify_result(election, sha256)

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
