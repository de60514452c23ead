"""The log over HTTP: C2SP tlog-tiles as static files, and proofs for clients that keep no tiles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from evote_platform.access import running_service
from evote_platform.answering import invalid_request
from evote_platform.auditors import OPTIONAL_ACCESS, reader_of
from evote_platform.caching import not_modified, tag_of
from evote_platform.cross_origin import FrontRoute
from evote_platform.field_errors import field_error
from evote_platform.paths import SafeInt
from evote_platform.problems import Problem
from evote_platform.publication import Matter, Reader, Stage, is_readable
from evote_platform.reads import Reads
from evote_platform.wording import Words
from evote_tlog.errors import MalformedTile, MissingTile
from evote_tlog.proof import Range, consistency_ranges, inclusion_ranges
from evote_tlog.tiles import MAX_ENTRY_BYTES, TILE_WIDTH, Tile, parse_index, parse_level
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

from ..service import LedgerService
from ..store import (
    checkpoint_note,
    closed_elections,
    index_of_leaf,
    leaf_at,
    newest_checkpoint,
    newest_size,
    range_hashes,
    read_records,
    read_tiles,
    record_labels,
)
from .problems import (
    EMPTY_LOG,
    ENTRY_TOO_LARGE,
    ENTRY_WITHHELD,
    NO_SUCH_PROOF,
    RECORDS_BEHIND,
    UNKNOWN_LEAF,
    UNKNOWN_SIZE,
    UNKNOWN_TILE,
)

router = APIRouter(tags=["log"], route_class=FrontRoute)

# A checkpoint is superseded twice a second; hashes and records never change.
MUTABLE = {"Cache-Control": "public, max-age=1"}
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
_OCTETS: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/octet-stream": {}}}}
_RECORDS_AT_ONCE = 16
_MAX_POSTGRES_INDEX = 2**53

Sha256Query = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", max_length=64)]
Service = Annotated[LedgerService, Depends(running_service)]
ReaderOf = Annotated[Reader, Depends(reader_of)]
SizeQuery = Annotated[SafeInt | None, Query()]


class InclusionProof(BaseModel):
    """RFC 9162, section 2.1.3: leads from the leaf to the root of the tree of ``size``."""

    log_index: int
    size: int
    leaf_hash: str
    hashes: list[Annotated[str, Field(description="hexadecimal")]]
    checkpoint: Annotated[str | None, Field(description="the signed note of this size, if one was signed")]


class ConsistencyProof(BaseModel):
    """RFC 9162, section 2.1.4: shows that the tree of ``second`` begins with that of ``first``."""

    first: int
    second: int
    hashes: list[Annotated[str, Field(description="hexadecimal")]]


@router.get("/checkpoint", response_class=PlainTextResponse)
async def checkpoint(service: Service) -> PlainTextResponse:
    """The newest signed checkpoint whose tiles are served."""
    newest = await newest_checkpoint(service.reads)
    if newest is None:
        raise Problem(EMPTY_LOG)
    return PlainTextResponse(newest.note, headers=MUTABLE)


@router.get("/log-key", response_class=PlainTextResponse)
async def log_key(service: Service) -> PlainTextResponse:
    """The verifier key of the checkpoints: ``<origin>+<key id>+<key>``."""
    return PlainTextResponse(service.key.text, headers=MUTABLE)


@router.get("/tile/entries/{place:path}", response_class=Response, responses=_OCTETS, openapi_extra=OPTIONAL_ACCESS)
async def entry_bundle(request: Request, service: Service, reader: ReaderOf, place: str) -> Response:
    """C2SP entry bundle: each record behind its length, a big-endian uint16.

    A bundle with a record of more than 65,535 bytes, or one that is withheld, can't be written so; it is under
    ``/tile/records``.
    """
    bundle = await _bundle(service, reader, place)
    if bundle.withheld:
        raise Problem(ENTRY_WITHHELD)
    if max(bundle.sizes) > MAX_ENTRY_BYTES:
        raise Problem(ENTRY_TOO_LARGE)
    return await _streamed(request, service, bundle, 2)


@router.get("/tile/records/{place:path}", response_class=Response, responses=_OCTETS, openapi_extra=OPTIONAL_ACCESS)
async def record_bundle(request: Request, service: Service, reader: ReaderOf, place: str) -> Response:
    """As ``/tile/entries``, for records of any length: each behind its length, a big-endian uint32.

    Until its election has closed, a ballot's record is empty here, except for auditors: no record of the log is. Its
    hash is in the tile of level 0 all along.
    """
    return await _streamed(request, service, await _bundle(service, reader, place), 4)


@router.get("/tile/{level}/{place:path}", response_class=Response, responses=_OCTETS)
async def tile(service: Service, level: str, place: str) -> Response:
    """A tile: the hashes of one level, 256 or, with ``.p/W``, fewer."""
    try:
        wanted = Tile(parse_level(level), *_parse_place(place))
        content = (await read_tiles(service.reads, [wanted]))[wanted]
    except (MalformedTile, MissingTile) as error:
        raise Problem(UNKNOWN_TILE) from error
    return Response(content, media_type="application/octet-stream", headers=_IMMUTABLE)


@router.get("/proofs/inclusion")
async def inclusion_proof(
    service: Service,
    response: Response,
    leaf_hash: Sha256Query = None,
    index: Annotated[SafeInt | None, Query()] = None,
    size: SizeQuery = None,
) -> InclusionProof:
    """Where a leaf stands, and that it does; for the newest checkpoint's size unless ``size`` says another."""
    reads = service.reads
    if (leaf_hash is None) == (index is None):
        raise invalid_request(
            [
                field_error(
                    "query.leaf_hash",
                    Words("これか index のどちらか一方を指定してください", "give either this or index"),
                )
            ]
        )
    tree_size = await _known_size(reads, size)
    if leaf_hash is not None:
        index = await index_of_leaf(reads, bytes.fromhex(leaf_hash))
    if index is None or index >= tree_size:
        raise Problem(UNKNOWN_LEAF, {"size": tree_size})
    leaf = await leaf_at(reads, index)
    if leaf is None:
        raise Problem(UNKNOWN_TILE)
    response.headers.update(MUTABLE if size is None else _IMMUTABLE)
    return InclusionProof(
        log_index=index,
        size=tree_size,
        leaf_hash=leaf.hex(),
        hashes=await _hashes(reads, inclusion_ranges(index, tree_size), tree_size),
        checkpoint=await checkpoint_note(reads, tree_size),
    )


@router.get("/proofs/consistency")
async def consistency_proof(
    service: Service, response: Response, first: Annotated[SafeInt, Query()], second: SizeQuery = None
) -> ConsistencyProof:
    """That the log of size ``second`` (by default the newest) begins with that of size ``first``."""
    reads = service.reads
    tree_size = await _known_size(reads, second)
    if not 0 < first <= tree_size:
        raise Problem(NO_SUCH_PROOF)
    response.headers.update(MUTABLE if second is None else _IMMUTABLE)
    return ConsistencyProof(
        first=first, second=tree_size, hashes=await _hashes(reads, consistency_ranges(first, tree_size), tree_size)
    )


async def _known_size(reads: Reads, size: int | None) -> int:
    newest = await newest_size(reads)
    if newest == 0:
        raise Problem(EMPTY_LOG)
    if size is not None and size > newest:
        raise Problem(UNKNOWN_SIZE, {"size": newest})
    return newest if size is None else size


async def _hashes(reads: Reads, ranges: Sequence[Range], size: int) -> list[str]:
    return [given.hex() for given in await range_hashes(reads, ranges, size)]


@dataclass(frozen=True)
class _Bundle:
    """What is served of the records under a tile of level 0."""

    start: int
    sizes: tuple[int, ...]
    withheld: frozenset[int]
    """The indices of records that this reader may not have yet; their size is 0."""
    caching: Mapping[str, str]


async def _bundle(service: Service, reader: Reader, place: str) -> _Bundle:
    reads = service.reads
    try:
        index, width = _parse_place(place)
    except MalformedTile as error:
        raise Problem(UNKNOWN_TILE) from error
    start = index * TILE_WIDTH
    labels = await record_labels(reads, start, start + width)
    if len(labels) < width:
        raise Problem(UNKNOWN_TILE)
    known = [label for label in labels if label is not None]
    if len(known) < width:
        raise Problem(RECORDS_BEHIND)
    closed = await closed_elections(reads, {label.ballot_election for label in known if label.ballot_election})
    withheld = frozenset(
        at for at, label in enumerate(known, start) if not _is_readable(label.ballot_election, closed, reader)
    )
    sizes = tuple(0 if at in withheld else label.size for at, label in enumerate(known, start))
    # No cache may give the public what an auditor got, or keep what changes at the close.
    changes = bool(withheld) or reader is Reader.AUDITOR
    return _Bundle(start, sizes, withheld, {"Cache-Control": "no-store"} if changes else _IMMUTABLE)


def _is_readable(ballot_election: str | None, closed: frozenset[str], reader: Reader) -> bool:
    if ballot_election is None:
        return True
    stage = Stage.CLOSED if ballot_election in closed else Stage.UNTIL_THE_CLOSE
    return is_readable(Matter.BALLOTS, stage, reader)


async def _streamed(request: Request, service: Service, bundle: _Bundle, length_bytes: Literal[2, 4]) -> Response:
    width = len(bundle.sizes)
    caching = dict(bundle.caching)
    if bundle.caching is _IMMUTABLE:
        # The hashes stand for the records, and those need not be read to know what the client has.
        wanted = Tile(0, bundle.start // TILE_WIDTH, width)
        tag = tag_of((await read_tiles(service.reads, [wanted]))[wanted], bytes([length_bytes]))
        if (answer := not_modified(request, tag, caching)) is not None:
            return answer
        caching["ETag"] = tag
    headers = {**caching, "Content-Length": str(sum(bundle.sizes) + length_bytes * width)}
    content = _records(service.reads.unhurried(), bundle, length_bytes)
    return StreamingResponse(content, media_type="application/octet-stream", headers=headers)


async def _records(reads: Reads, bundle: _Bundle, length_bytes: int) -> AsyncIterator[bytes]:
    """In short queries: a slow client must not hold a database connection."""
    end = bundle.start + len(bundle.sizes)
    for at in range(bundle.start, end, _RECORDS_AT_ONCE):
        for value in await read_records(reads, at, min(at + _RECORDS_AT_ONCE, end), bundle.withheld):
            yield len(value).to_bytes(length_bytes, "big") + value


def _parse_place(place: str) -> tuple[int, int]:
    index, width = parse_index(place)
    if index * TILE_WIDTH > _MAX_POSTGRES_INDEX:
        raise MalformedTile("no log is that large")
    return index, width
