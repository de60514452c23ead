"""Endpoints of the face way: for voters, each of whose refusals tells the other ways to vote, and for officers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

from evote_device.keys import parse_device_key
from evote_device.requests import EnrolmentRequested
from evote_face.statements import FaceOrder
from evote_officers import acts
from evote_platform.access import limit_address
from evote_platform.answering import route_adding
from evote_platform.bodylimit import GuardedRoute
from evote_platform.clock import rfc3339
from evote_platform.cross_origin import FrontRoute
from evote_platform.paths import ElectionUuidPath
from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse

from ..desks.faces import FaceDesk, IssuedCodes
from ..domain.acts import Act
from ..domain.faces import AskedByFace, signed
from ..doors.face import FaceDoor
from ..metrics import Way
from ..service import AuthService
from .access import NDJSON, CardTurn, Service, signed_act, turn_by
from .desk_models import VoterIdPath
from .face_models import (
    FaceEnrolmentResponse,
    FaceOrderRequest,
    FaceOrderResponse,
    FaceReleaseRequest,
    VotingCodeResponse,
    VotingCodesRequest,
)
from .models import ReleaseRequest, ReleaseResponse
from .other_ways import other_ways_than

_NOT_STORED = {"Cache-Control": "no-store"}


FaceRoute = route_adding(FrontRoute, other_ways_than("face"))


async def _door(service: Service) -> FaceDoor:
    return FaceDoor(service)


async def _desk(service: Service) -> FaceDesk:
    return FaceDesk(service)


Door = Annotated[FaceDoor, Depends(_door)]
Desk = Annotated[FaceDesk, Depends(_desk)]
face_voters = APIRouter(tags=["voter"], dependencies=[Depends(limit_address)], route_class=FaceRoute)
face_officers = APIRouter(tags=["officer"], route_class=GuardedRoute)


@face_voters.post("/elections/{election_uuid}/face-orders", status_code=201)
async def order_verification(
    election_uuid: ElectionUuidPath, body: FaceOrderRequest, service: Service, door: Door
) -> FaceOrderResponse:
    """Show a voting code, and receive the order to verify a face that biometric takes at ``/verifications``.

    Order, verdict and release are for the device that asks, and worth nothing to others.
    """
    device_key = parse_device_key(body.device_key)
    return _order(await door.order_verification(election_uuid, body.sealed_voting_code, device_key), service)


@face_voters.post("/elections/{election_uuid}/face-enrolments", status_code=201)
async def enrol_by_card(
    election_uuid: ElectionUuidPath,
    body: ReleaseRequest,
    service: Service,
    door: Door,
    turn: CardTurn,
    response: Response,
) -> FaceEnrolmentResponse:
    """Authenticate by card as for a release, and receive an order to enrol one's face and a voting code, given once.

    The code takes the place of any other that the voter had; it is sealed to the device that the challenge names.
    """
    response.headers.update(_NOT_STORED)
    enrolment = await door.enrol_by_card(election_uuid, body.asked(EnrolmentRequested), turn)
    return FaceEnrolmentResponse(
        **_order(enrolment.order, service).model_dump(), sealed_voting_code=enrolment.sealed_code
    )


@face_voters.post("/elections/{election_uuid}/face-releases", dependencies=[turn_by(Way.FACE)])
async def release_by_face(election_uuid: ElectionUuidPath, body: FaceReleaseRequest, door: Door) -> ReleaseResponse:
    """Show biometric's verdict and receive the private credential, sealed to the order's device.

    It is the same credential as by card.
    The same request may be repeated while verdict and order last, for an answer that was lost: sealed anew.
    """
    sealed = await door.release(election_uuid, AskedByFace(body.verdict, body.device_request))
    return ReleaseResponse(election_uuid=election_uuid, sealed_credential=sealed)


@face_officers.post(
    "/elections/{election_uuid}/voting-codes",
    status_code=201,
    response_class=StreamingResponse,
    responses={201: {"content": {NDJSON: {}}}},
)
async def issue_voting_codes(
    election_uuid: ElectionUuidPath,
    body: VotingCodesRequest,
    desk: Desk,
    act: Annotated[Act, signed_act(acts.ISSUE_CODES)],
) -> StreamingResponse:
    """New voting codes for all voters, for their letters. This answer is the only place where they can be read.

    A JSON object a line: ``voter_id`` and ``voting_code``. Voters who got a code with their card keep it and are left
    out. The last line is ``{"voting_codes": n, "issue": number}``: without it the download is incomplete, and a further
    issue has to replace this one.
    """
    issued = await desk.issue_codes(election_uuid, body.replaces, act)
    return StreamingResponse(_lines(issued), status_code=201, media_type=NDJSON, headers=_NOT_STORED)


@face_officers.post("/elections/{election_uuid}/voters/{voter_id:path}/voting-code", status_code=201)
async def reissue_voting_code(
    election_uuid: ElectionUuidPath,
    voter_id: VoterIdPath,
    desk: Desk,
    response: Response,
    act: Annotated[Act, signed_act(acts.REISSUE_CODE)],
) -> VotingCodeResponse:
    """A new code for one voter; the old one is void at once."""
    response.headers.update(_NOT_STORED)
    code = await desk.reissue_code(election_uuid, voter_id, act)
    return VotingCodeResponse(voter_id=voter_id, voting_code=code.shown)


@face_officers.post("/elections/{election_uuid}/voters/{voter_id:path}/face-enrolment", status_code=201)
async def order_enrolment(
    election_uuid: ElectionUuidPath,
    voter_id: VoterIdPath,
    service: Service,
    desk: Desk,
    act: Annotated[Act, signed_act(acts.ORDER_ENROLMENT)],
) -> FaceOrderResponse:
    """An order to enrol the face of a voter at the counter. Officers and reason become part of the sealed evidence."""
    return _order(await desk.order_enrolment(election_uuid, voter_id, act), service)


def _order(order: FaceOrder, service: AuthService) -> FaceOrderResponse:
    return FaceOrderResponse(order=signed(order, service.require_face_keys()), expires_at=rfc3339(order.expires_at))


def _lines(issued: IssuedCodes) -> Iterator[str]:
    for letter in issued.letters:
        yield json.dumps({"voter_id": letter.voter_id, "voting_code": letter.code.shown}, ensure_ascii=False) + "\n"
    yield json.dumps({"voting_codes": len(issued.letters), "issue": issued.issue}) + "\n"
