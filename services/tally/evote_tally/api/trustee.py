"""What trustees do: the key ceremony, the confirmation and the decryption. Their keys never come here.

Nobody logs in: what a trustee says is signed, and taken for its signature. That is in the body, which may be large, so
an address has its share of messages before any is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from evote_ceremony.messages import MessageStatement, SetupStatement, Step
from evote_eventlog.events import ElectionEventData
from evote_platform.access import limit_address
from evote_platform.bodylimit import GuardedRoute
from evote_platform.paths import ElectionUuidPath
from evote_platform.tracing import TRACED
from fastapi import APIRouter, Depends

from .. import store
from ..domain import ceremony
from ..domain.counting import receive_partial_decryption
from ..domain.election import Election
from .access import LARGE_BODY, Service, TrusteePath
from .models import ConfirmationRequest, MessageRequest, StateResponse

router = APIRouter(
    tags=["trustee"],
    route_class=GuardedRoute,
    dependencies=[Depends(TRACED), Depends(limit_address), Depends(LARGE_BODY)],
)
StatementKind: TypeAlias = type[MessageStatement | SetupStatement]


@router.put("/elections/{election_uuid}/trustees/{trustee}/confirmation")
async def confirmation(
    election_uuid: ElectionUuidPath, trustee: TrusteePath, body: ConfirmationRequest, service: Service
) -> StateResponse:
    """The trustee has seen the texts that the election will open with, and confirms them."""

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return await service.worker.run(ceremony.receive_confirmation, election, trustee, body.statement)

    await _require_signed(service, election_uuid, trustee, SetupStatement, body.statement)
    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


@router.put("/elections/{election_uuid}/trustees/{trustee}/{step}")
async def message(
    election_uuid: ElectionUuidPath, trustee: TrusteePath, step: Step, body: MessageRequest, service: Service
) -> StateResponse:
    """A message of the ceremony, or the partial decryption: the exact text, and the signed statement about it."""
    sent = ceremony.Message(trustee, step, body.message, body.statement)
    receive = receive_partial_decryption if step is Step.PARTIAL_DECRYPTION else ceremony.receive

    async def decide(election: Election, _: store.Connection) -> Sequence[ElectionEventData]:
        return await service.worker.run(receive, election, sent)

    await _require_signed(service, election_uuid, trustee, MessageStatement, body.statement)
    election = await service.commands.execute(election_uuid, decide)
    return StateResponse(election_uuid=election_uuid, state=election.stage)


async def _require_signed(
    service: Service, election_uuid: str, trustee: int, kind: StatementKind, statement: str
) -> None:
    """Before the election's lock and the worker are taken: strangers must not keep either busy."""
    async with service.pool.acquire() as connection:
        election = await store.load_election(connection, election_uuid)
    ceremony.require_signed(election.plan, trustee, kind, statement)
