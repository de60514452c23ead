"""What trustees do: the key ceremony and the decryption. Their keys never come here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evote_eventlog.events import ElectionEventData
from evote_platform.paths import ElectionUuidPath
from fastapi import APIRouter, Request

from .. import store
from ..domain import ceremony
from ..domain.counting import receive_partial_decryption
from ..domain.election import Election
from .access import Service, TrusteePath, calling_trustee, exact_json_text, require_trustee
from .models import CeremonyResponse, CommitmentRequest, StateResponse, ceremony_response

router = APIRouter(tags=["trustee"])
Receive = Callable[[Election, int, str], Sequence[ElectionEventData]]
EXACT_JSON = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}


@router.get("/elections/{election_uuid}/ceremony")
async def show_ceremony(election_uuid: ElectionUuidPath, service: Service, request: Request) -> CeremonyResponse:
    """The ceremony's material as the calling trustee needs it."""
    async with service.pool.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
    trustee = calling_trustee(request, election.draft)
    return ceremony_response(election, trustee)


@router.put("/elections/{election_uuid}/trustees/{trustee}/certificate", openapi_extra=EXACT_JSON)
async def certificate(
    election_uuid: ElectionUuidPath, trustee: TrusteePath, service: Service, request: Request
) -> StateResponse:
    """Step 1: the trustee's channel keys (exact ``cert`` JSON)."""
    return await _receive(ceremony.receive_certificate, election_uuid, trustee, service, request)


@router.put("/elections/{election_uuid}/trustees/{trustee}/commitment")
async def commitment(
    election_uuid: ElectionUuidPath,
    trustee: TrusteePath,
    body: CommitmentRequest,
    service: Service,
    request: Request,
) -> StateResponse:
    """Step 2: the SHA-256 of the polynomial message, before anyone reveals theirs."""
    return await _take(ceremony.receive_commitment, election_uuid, trustee, body.commitment, service, request)


@router.put("/elections/{election_uuid}/trustees/{trustee}/polynomial", openapi_extra=EXACT_JSON)
async def polynomial(
    election_uuid: ElectionUuidPath, trustee: TrusteePath, service: Service, request: Request
) -> StateResponse:
    """Step 3: the polynomial message that was committed to (exact ``polynomial`` JSON)."""
    return await _receive(ceremony.receive_polynomial, election_uuid, trustee, service, request)


@router.put("/elections/{election_uuid}/trustees/{trustee}/voutput", openapi_extra=EXACT_JSON)
async def voutput(
    election_uuid: ElectionUuidPath, trustee: TrusteePath, service: Service, request: Request
) -> StateResponse:
    """Step 4: the trustee's verification key (exact ``voutput`` JSON)."""
    return await _receive(ceremony.receive_voutput, election_uuid, trustee, service, request)


@router.put("/elections/{election_uuid}/trustees/{trustee}/partial-decryption", openapi_extra=EXACT_JSON)
async def partial_decryption(
    election_uuid: ElectionUuidPath, trustee: TrusteePath, service: Service, request: Request
) -> StateResponse:
    """The trustee's partial decryption of the encrypted tally (exact ``partial_decryption`` JSON)."""
    return await _receive(receive_partial_decryption, election_uuid, trustee, service, request)


async def _receive(
    receive: Receive, election_uuid: str, trustee: int, service: Service, request: Request
) -> StateResponse:
    text = await exact_json_text(request)
    return await _take(receive, election_uuid, trustee, text, service, request)


async def _take(
    receive: Receive, election_uuid: str, trustee: int, text: str, service: Service, request: Request
) -> StateResponse:
    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return await service.worker.run(receive, election, trustee, text)

    async with service.pool.acquire() as connection:
        require_trustee(request, (await store.load_election(connection, election_uuid)).draft, trustee)
    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)
