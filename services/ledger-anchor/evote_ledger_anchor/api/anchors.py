"""Who vouches for the log, over HTTP: witnesses, chains, and the notices of tampering."""

from __future__ import annotations

from typing import Annotated

from evote_platform.cross_origin import FrontRoute
from evote_platform.paths import SafeInt
from evote_platform.problems import Problem
from evote_platform.publication import text_to_the_minute
from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from ..store import (
    StoredAnchor,
    anchors_covering,
    coverage_of,
    newest_anchors,
    newest_size,
    newest_witnessed,
    notices,
)
from .log import MUTABLE, Service
from .problems import NOT_WITNESSED

router = APIRouter(tags=["anchors"], route_class=FrontRoute)


class AnchorLine(BaseModel):
    """A checkpoint of the log in a block of a chain."""

    chain: Annotated[str, Field(description="ethereum or fabric")]
    ledger: Annotated[str, Field(description="eip155:<chain id>:<contract> or fabric:<channel>:<chaincode>")]
    size: int
    root: Annotated[str, Field(description="hexadecimal")]
    transaction: str
    block: int
    block_hash: str
    block_time: Annotated[str, Field(description="to the minute; the chain itself tells it exactly")]
    anchorer: str
    verified: Annotated[bool, Field(description="read again from the chain when its block was final")]


class Anchors(BaseModel):
    """At most one anchor for each chain."""

    items: list[AnchorLine]


class ChainCoverage(BaseModel):
    """How far one chain covers the log: ``size`` minus ``verified_size`` entries still wait for it."""

    chain: Annotated[str, Field(description="ethereum or fabric")]
    ledger: str
    anchored_size: Annotated[int, Field(description="in a block; 0: nothing yet")]
    verified_size: Annotated[int, Field(description="in a final block; 0: nothing yet")]


class Coverage(BaseModel):
    """How much of the log others vouch for."""

    size: Annotated[int, Field(description="of the newest signed checkpoint")]
    witnessed_size: Annotated[int, Field(description="of the newest that enough witnesses cosigned; 0: none yet")]
    chains: list[ChainCoverage]


class Notice(BaseModel):
    """Something is not what it was: where, what, and when it was last found intact."""

    finding: Annotated[str, Field(description="hexadecimal; identifies what was found")]
    kind: str
    where: str
    expected: str
    found: str
    intact_at: str | None
    raised_at: str


class Notices(BaseModel):
    """Every notice, the newest first; none is ever taken back."""

    items: list[Notice]


@router.get("/checkpoint/witnessed", response_class=PlainTextResponse)
async def witnessed_checkpoint(service: Service) -> PlainTextResponse:
    """The newest checkpoint that enough witnesses cosigned, with their cosignatures."""
    newest = await newest_witnessed(service.reads)
    if newest is None:
        raise Problem(NOT_WITNESSED)
    return PlainTextResponse(newest.note, headers=MUTABLE)


@router.get("/anchors")
async def anchors(
    service: Service,
    response: Response,
    size: Annotated[SafeInt | None, Query(description="for each chain the first anchor that covers this size")] = None,
) -> Anchors:
    """Where the log is anchored: the newest anchor of each chain, or the first that covers ``size``."""
    reads = service.reads
    found = await newest_anchors(reads) if size is None else await anchors_covering(reads, size)
    response.headers.update(MUTABLE)
    return Anchors(items=[_line(anchor) for anchor in found])


@router.get("/coverage")
async def coverage(service: Service, response: Response) -> Coverage:
    """How far witnesses and chains are behind the log; voting goes on however far they are."""
    async with service.reads.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        size, witnessed = await newest_size(connection), await newest_witnessed(connection)
        reached = [(contract, await coverage_of(connection, contract.name)) for contract in service.contracts]
    response.headers.update(MUTABLE)
    return Coverage(
        size=size,
        witnessed_size=0 if witnessed is None else witnessed.size,
        chains=[
            ChainCoverage(
                chain=contract.chain, ledger=contract.name, anchored_size=found.anchored, verified_size=found.verified
            )
            for contract, found in reached
        ],
    )


@router.get("/notices")
async def tampering_notices(service: Service, response: Response) -> Notices:
    """What monitors found that should not be: empty while everything is intact."""
    response.headers.update(MUTABLE)
    return Notices(
        items=[
            Notice(
                finding=notice.finding.hex(),
                kind=notice.kind,
                where=notice.place,
                expected=notice.expected,
                found=notice.found,
                intact_at=None if notice.intact_at is None else text_to_the_minute(notice.intact_at),
                raised_at=text_to_the_minute(notice.raised_at),
            )
            for notice in await notices(service.reads)
        ]
    )


def _line(anchor: StoredAnchor) -> AnchorLine:
    return AnchorLine(
        chain=anchor.chain,
        ledger=anchor.ledger,
        size=anchor.size,
        root=anchor.root.hex(),
        transaction=anchor.transaction,
        block=anchor.block,
        block_hash=anchor.block_hash,
        block_time=text_to_the_minute(anchor.block_time),
        anchorer=anchor.anchorer,
        verified=anchor.verified,
    )
