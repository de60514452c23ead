"""Endpoints of officers about cards: cases that the roll can't decide, and lost cards. Personal data: officers only."""

from __future__ import annotations

from typing import Annotated

from evote_jpki.certificates import BasicAttributes
from evote_officers import acts
from evote_platform.access import require_counter
from evote_platform.bodylimit import GuardedRoute
from evote_platform.clock import rfc3339
from evote_platform.paths import ElectionUuidPath
from fastapi import APIRouter, Depends, Path, Response

from ..desks.cards import CardDesk, ShownCase
from ..domain.acts import Act
from ..domain.cases import CASE_DIGITS
from ..domain.matching import RollPerson
from .access import Service, signed_act
from .desk_models import (
    ApproveCard,
    CandidateResponse,
    CardBlockResponse,
    CaseDecided,
    CaseResponse,
    DecisionRequest,
    PendingCasesResponse,
    PersonResponse,
    VoterIdPath,
)

desk = APIRouter(tags=["officer"], route_class=GuardedRoute)
CaseNumberPath = Annotated[
    str, Path(pattern=rf"^[0-9]{{{CASE_DIGITS}}}$", description="The reception number that the voter was told.")
]


async def _desk(service: Service) -> CardDesk:
    return CardDesk(service)


Desk = Annotated[CardDesk, Depends(_desk)]


@desk.get("/elections/{election_uuid}/card-matches", dependencies=[Depends(require_counter)])
async def card_matches(election_uuid: ElectionUuidPath, desk: Desk, response: Response) -> PendingCasesResponse:
    """The cards that wait for an officer, oldest first, each with the voters that come into question."""
    response.headers["Cache-Control"] = "no-store"
    found = await desk.pending_cases(election_uuid)
    return PendingCasesResponse(cases=[_case(shown) for shown in found.shown], pending=found.pending)


@desk.post("/elections/{election_uuid}/card-matches/{case_number}")
async def decide_card_match(
    election_uuid: ElectionUuidPath,
    case_number: CaseNumberPath,
    body: DecisionRequest,
    desk: Desk,
    act: Annotated[Act, signed_act(acts.DECIDE_CARD)],
) -> CaseDecided:
    """Approve a card for one of the candidates, or refuse it. The first decision stands; repeating it changes nothing.

    The voter comes again with a new challenge. Officer, reason and time become part of the sealed evidence.
    """
    voter_id = body.voter_id if isinstance(body, ApproveCard) else None
    decision = await desk.decide(election_uuid, case_number, voter_id, act)
    return CaseDecided(
        reception_number=case_number,
        approved=decision.voter_ref is not None,
        decided_by=decision.officer,
        decided_at=rfc3339(decision.decided_at),
    )


@desk.post("/elections/{election_uuid}/voters/{voter_id:path}/card-block")
async def block_card(
    election_uuid: ElectionUuidPath,
    voter_id: VoterIdPath,
    desk: Desk,
    act: Annotated[Act, signed_act(acts.BLOCK_CARD)],
) -> CardBlockResponse:
    """Refuse a voter's lost card from now on; a new card takes its place. Safe to repeat."""
    block = await desk.block(election_uuid, voter_id, act)
    return CardBlockResponse(voter_id=voter_id, blocked_by=block.officer, blocked_at=rfc3339(block.blocked_at))


@desk.post("/elections/{election_uuid}/voters/{voter_id:path}/card-unblock", status_code=204)
async def unblock_card(
    election_uuid: ElectionUuidPath,
    voter_id: VoterIdPath,
    desk: Desk,
    act: Annotated[Act, signed_act(acts.UNBLOCK_CARD)],
) -> Response:
    """Take a card again that was found. One that another card has replaced meanwhile stays replaced."""
    await desk.unblock(election_uuid, voter_id, act)
    return Response(status_code=204)


def _case(shown: ShownCase) -> CaseResponse:
    return CaseResponse(
        reception_number=shown.case.number,
        kind=shown.case.kind.value,
        opened_at=rfc3339(shown.case.opened_at),
        card=_person(shown.case.card),
        candidates=[_candidate(person) for person in shown.candidates],
    )


def _person(attributes: BasicAttributes) -> PersonResponse:
    return PersonResponse(
        name=attributes.name, address=attributes.address, birth_date=attributes.birth_date, sex=attributes.sex
    )


def _candidate(person: RollPerson) -> CandidateResponse:
    return CandidateResponse(voter_id=person.voter_id, **_person(person.attributes).model_dump())
