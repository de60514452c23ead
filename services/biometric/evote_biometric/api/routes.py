"""Endpoints of voters and of officers."""

from __future__ import annotations

import re
from typing import Annotated

from evote_officers import acts
from evote_officers.commands import GivenCommand
from evote_platform.access import Commanded, limit_address, require_officer, running_service
from evote_platform.answering import route_adding
from evote_platform.bodylimit import BodyUpTo, GuardedRoute
from evote_platform.clock import rfc3339
from evote_platform.cross_origin import FrontRoute
from evote_platform.paths import ElectionUuidPath
from fastapi import APIRouter, Depends, Path, Request

from ..domain.actions import INSTRUCTIONS
from ..domain.liveness import LEAST_FRAMES
from ..service import BiometricService, SentBurst
from .models import (
    ENROLMENT_BODY,
    FRAMES_BODY,
    EnrolmentResponse,
    FaceCountsResponse,
    ReissueResponse,
    VerdictResponse,
    VerificationRequest,
    VerificationResponse,
)
from .multipart import (
    MAX_BODY_BYTES,
    MAX_ENROLMENT_BYTES,
    MAX_FRAME_BYTES,
    MAX_PHOTO_BYTES,
    invalid_part,
    picture_parts,
    read_form,
    text_part,
)
from .problems import OTHER_WAYS

_TIMES = re.compile(r"\d{1,6}(,\d{1,6}){0,99}", re.ASCII)
IdentifierPath = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", max_length=32)]
Service = Annotated[BiometricService, Depends(running_service)]


officers = APIRouter(tags=["officer"], route_class=GuardedRoute)
voters = APIRouter(
    tags=["voter"],
    dependencies=[Depends(limit_address)],
    route_class=route_adding(FrontRoute, OTHER_WAYS),
)


@voters.post(
    "/enrolments", status_code=201, openapi_extra=ENROLMENT_BODY, dependencies=[Depends(BodyUpTo(MAX_ENROLMENT_BYTES))]
)
async def enrol(request: Request, service: Service) -> EnrolmentResponse:
    """Enrol the face of a photo for auth's order; only an encrypted template of it is kept."""
    service.faces.require_room(1)
    form = await read_form(request)
    order_text = text_part(form, "order")
    pictures = await picture_parts(form, "photo", MAX_PHOTO_BYTES)
    if len(pictures) != 1:
        raise invalid_part("photo")
    order = await service.enrol(order_text, pictures[0])
    return EnrolmentResponse(election_uuid=order.election_uuid, order_id=order.order_id)


@voters.post("/verifications", status_code=201)
async def begin(body: VerificationRequest, service: Service) -> VerificationResponse:
    """Begin a verification for auth's order: takes one of its attempts, and says what to do before the camera."""
    begun = await service.begin(body.order)
    return VerificationResponse(
        verification_id=begun.verification_id,
        actions=[action.value for action in begun.actions],
        instructions=[INSTRUCTIONS[action] for action in begun.actions],
        nonce=begun.nonce,
        expires_at=rfc3339(begun.expires_at),
        attempts_left=begun.attempts_left,
    )


@voters.post(
    "/verifications/{verification_id}/frames",
    openapi_extra=FRAMES_BODY,
    dependencies=[Depends(BodyUpTo(MAX_BODY_BYTES))],
)
async def judge(verification_id: IdentifierPath, request: Request, service: Service) -> VerdictResponse:
    """Judge the frames of a verification; the verdict goes to auth, with the browser."""
    service.faces.require_room(LEAST_FRAMES)
    return VerdictResponse(verdict=await service.judge(verification_id, await _burst(request)))


@officers.get("/elections/{election_uuid}/faces", dependencies=[Depends(require_officer)])
async def faces(election_uuid: ElectionUuidPath, service: Service) -> FaceCountsResponse:
    """Counts of enrolled, verified and rejected faces, and of erased templates."""
    counts = await service.counts(election_uuid)
    return FaceCountsResponse(
        enrolled=counts.enrolled, verified=counts.verified, rejected=dict(counts.rejected), erased=counts.erased
    )


@officers.post("/elections/{election_uuid}/templates/{voter_ref}/reissue")
async def reissue(
    election_uuid: ElectionUuidPath,
    voter_ref: IdentifierPath,
    service: Service,
    given: Annotated[GivenCommand, Depends(Commanded(acts.REISSUE_TEMPLATE))],
) -> ReissueResponse:
    """Give a voter's template a new transform, after a suspicion that it was taken; the voter notices nothing."""
    return ReissueResponse(version=await service.reissue(election_uuid, voter_ref, given))


async def _burst(request: Request) -> SentBurst:
    form = await read_form(request)
    times = text_part(form, "timestamps")
    if not _TIMES.fullmatch(times):
        raise invalid_part("timestamps")
    times_ms = tuple(int(time) for time in times.split(","))
    frames = await picture_parts(form, "frames", MAX_FRAME_BYTES)
    if len(frames) != len(times_ms):
        raise invalid_part("timestamps")
    return SentBurst(text_part(form, "nonce"), times_ms, frames)
