"""What everybody may read."""

from __future__ import annotations

from typing import Annotated

from evote_eventlog.events import ElectionClosed, ElectionOpened, EncryptedTallyComputed, ResultComputed
from evote_platform.auditors import OPTIONAL_ACCESS, reader_of
from evote_platform.bodylimit import GuardedRoute
from evote_platform.paths import ElectionUuidPath
from evote_platform.publication import Matter, Reader, Stage, demand_readable
from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse

from .. import store
from ..domain.election import Data
from ..exports import NotPublished, archive_bytes, plan_archive, public_credentials
from .access import Service
from .models import ElectionListResponse, ElectionResponse, election_response

router = APIRouter(tags=["public"], route_class=GuardedRoute)
ARCHIVE_TYPE = "application/x-tar"


@router.get("/elections")
async def list_elections(service: Service) -> ElectionListResponse:
    """All elections, in the order of their drafting."""
    async with service.pool.acquire() as connection:
        overviews = await store.load_overviews(connection)
    return ElectionListResponse(elections=tuple(election_response(overview) for overview in overviews))


@router.get("/elections/{election_uuid}")
async def show_election(election_uuid: ElectionUuidPath, service: Service) -> ElectionResponse:
    """An election's stage, questions, window, roll size and its trustees' progress."""
    async with service.pool.acquire() as connection:
        return election_response(await store.load_overview(connection, election_uuid))


@router.get("/elections/{election_uuid}/election.json")
async def election_json(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``election.json``; its SHA-256 is the election's fingerprint."""
    return _exact((await _published(election_uuid, ElectionOpened, service)).election_json)


@router.get("/elections/{election_uuid}/trustees.json")
async def trustees_json(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``trustees.json``."""
    return _exact((await _published(election_uuid, ElectionOpened, service)).trustees_json)


@router.get("/elections/{election_uuid}/public_creds.json")
async def public_creds_json(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``public_creds.json`` of the frozen roll."""
    async with service.pool.acquire() as connection:
        return _exact(await public_credentials(connection, election_uuid))


@router.get("/elections/{election_uuid}/encrypted-tally")
async def encrypted_tally(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``encrypted_tally``."""
    return _exact((await _published(election_uuid, EncryptedTallyComputed, service)).encrypted_tally)


@router.get("/elections/{election_uuid}/result")
async def result(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``election_result``."""
    return _exact((await _published(election_uuid, ResultComputed, service)).result)


@router.get(
    "/elections/{election_uuid}/archive.bel",
    response_class=StreamingResponse,
    responses={200: {"content": {ARCHIVE_TYPE: {}}}},
    openapi_extra=OPTIONAL_ACCESS,
)
async def archive(
    election_uuid: ElectionUuidPath, service: Service, reader: Annotated[Reader, Depends(reader_of)]
) -> StreamingResponse:
    """The Belenios archive, after the close or for an auditor; an earlier one is a beginning of a later one."""
    async with service.pool.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
        if election.time_of(ElectionOpened) is None:
            raise NotPublished
        closed = election.time_of(ElectionClosed) is not None
        demand_readable(Matter.BALLOTS, Stage.CLOSED if closed else Stage.UNTIL_THE_CLOSE, reader)
        plan = await plan_archive(connection, election_uuid)
    disposition = f'attachment; filename="{election_uuid}.bel"'
    return StreamingResponse(
        archive_bytes(service.pool, plan),
        media_type=ARCHIVE_TYPE,
        headers={"Content-Disposition": disposition},
    )


async def _published(election_uuid: str, kind: type[Data], service: Service) -> Data:
    async with service.pool.acquire() as connection:
        event = await store.find_event(connection, election_uuid, kind)
    if event is None:
        raise NotPublished
    return event


def _exact(text: str) -> Response:
    return Response(text, media_type="application/json")
