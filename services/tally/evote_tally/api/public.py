"""What everybody may read."""

from __future__ import annotations

from typing import Annotated

from evote_eventlog.events import ElectionClosed, ElectionOpened, EncryptedTallyComputed, ResultComputed
from evote_platform.auditors import OPTIONAL_ACCESS, reader_of
from evote_platform.caching import not_modified, public_for
from evote_platform.cross_origin import FrontRoute
from evote_platform.paths import ElectionUuidPath
from evote_platform.publication import Matter, Reader, Stage, demand_readable
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse

from .. import store
from ..domain.election import Data
from ..exports import NotPublished, archive_bytes, archive_tag, plan_archive, public_credentials
from .access import Service
from .models import (
    CommandListResponse,
    ElectionListResponse,
    ElectionResponse,
    SignedCommandModel,
    election_response,
)

router = APIRouter(tags=["public"], route_class=FrontRoute)
ARCHIVE_TYPE = "application/x-tar"
ListPart = Annotated[int, Path(ge=0, lt=256, description="Of the list, from 0.")]
_LIVE, _SETTLED = public_for(1), public_for(60)


@router.get("/elections", dependencies=[Depends(_LIVE)])
async def list_elections(service: Service) -> ElectionListResponse:
    """All elections, in the order of their drafting."""
    async with service.reads.acquire() as connection:
        overviews = await store.load_overviews(connection)
    return ElectionListResponse(elections=tuple(election_response(overview) for overview in overviews))


@router.get("/elections/{election_uuid}", dependencies=[Depends(_LIVE)])
async def show_election(election_uuid: ElectionUuidPath, service: Service) -> ElectionResponse:
    """An election's stage, questions, window, roll size and its trustees' progress."""
    async with service.reads.acquire() as connection:
        return election_response(await store.load_overview(connection, election_uuid))


@router.get("/elections/{election_uuid}/commands", dependencies=[Depends(_LIVE)])
async def officers_commands(election_uuid: ElectionUuidPath, service: Service) -> CommandListResponse:
    """What officers signed for the election to come this far; the same stands in the public log."""
    async with service.reads.acquire() as connection:
        commands = await store.signed_commands(connection, election_uuid)
    return CommandListResponse(commands=tuple(SignedCommandModel(statements=it.statements) for it in commands))


@router.get("/elections/{election_uuid}/election.json", dependencies=[Depends(_SETTLED)])
async def election_json(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``election.json``; its SHA-256 is the election's fingerprint."""
    return _exact((await _published(election_uuid, ElectionOpened, service)).election_json)


@router.get("/elections/{election_uuid}/trustees.json", dependencies=[Depends(_SETTLED)])
async def trustees_json(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``trustees.json``."""
    return _exact((await _published(election_uuid, ElectionOpened, service)).trustees_json)


@router.get("/elections/{election_uuid}/public_creds.json", dependencies=[Depends(_SETTLED)])
async def public_creds_json(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``public_creds.json`` of the frozen roll."""
    async with service.reads.acquire() as connection:
        return _exact(await public_credentials(connection, election_uuid))


@router.get("/elections/{election_uuid}/public_creds/{part}", dependencies=[Depends(_SETTLED)])
async def part_of_public_creds(election_uuid: ElectionUuidPath, part: ListPart, service: Service) -> Response:
    """A part of ``public_creds.json``, in which a device looks for its own line without reading the whole list.

    A line's part is the first byte of its key's SHA-256, times the number of parts, divided by 256.
    Parts are 1, 2, 4, … or 256: the most that have 512 lines each or more on average.
    """
    return _exact(await service.list_parts.part(service.reads, election_uuid, part))


@router.get("/elections/{election_uuid}/encrypted-tally", dependencies=[Depends(_SETTLED)])
async def encrypted_tally(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``encrypted_tally``."""
    return _exact((await _published(election_uuid, EncryptedTallyComputed, service)).encrypted_tally)


@router.get("/elections/{election_uuid}/result", dependencies=[Depends(_SETTLED)])
async def result(election_uuid: ElectionUuidPath, service: Service) -> Response:
    """The exact ``election_result``."""
    return _exact((await _published(election_uuid, ResultComputed, service)).result)


@router.get(
    "/elections/{election_uuid}/archive.bel",
    response_class=StreamingResponse,
    responses={200: {"content": {ARCHIVE_TYPE: {}}}},
    openapi_extra=OPTIONAL_ACCESS,
    dependencies=[Depends(_LIVE)],
)
async def archive(
    election_uuid: ElectionUuidPath, request: Request, service: Service, reader: Annotated[Reader, Depends(reader_of)]
) -> Response:
    """The Belenios archive, after the close or for an auditor; an earlier one is a beginning of a later one."""
    async with service.reads.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
        if election.time_of(ElectionOpened) is None:
            raise NotPublished
        closed = election.time_of(ElectionClosed) is not None
        demand_readable(Matter.BALLOTS, Stage.CLOSED if closed else Stage.UNTIL_THE_CLOSE, reader)
        plan = await plan_archive(connection, election_uuid)
    disposition = f'attachment; filename="{election_uuid}.bel"'
    tag = archive_tag(plan)
    return not_modified(request, tag, {}) or StreamingResponse(
        archive_bytes(service.reads.unhurried(), plan),
        media_type=ARCHIVE_TYPE,
        headers={"Content-Disposition": disposition, "ETag": tag},
    )


async def _published(election_uuid: str, kind: type[Data], service: Service) -> Data:
    async with service.reads.acquire() as connection:
        event = await store.find_event(connection, election_uuid, kind)
    if event is None:
        raise NotPublished
    return event


def _exact(text: str) -> Response:
    return Response(text, media_type="application/json")
