"""Endpoints of the phone's way, each of whose refusals tells the other ways to vote."""

from __future__ import annotations

from typing import Annotated, Final

from evote_device.keys import parse_device_key
from evote_device.requests import ReleaseRequested
from evote_platform.access import limit_address
from evote_platform.answering import route_adding
from evote_platform.bodylimit import AgainWithin
from evote_platform.clock import rfc3339
from evote_platform.cross_origin import FrontRoute
from evote_platform.paths import ElectionUuidPath
from fastapi import APIRouter, Depends

from ..domain.phone import AskedByPhone
from ..doors.phone import PhoneDoor
from .access import PhoneTurn, Service
from .models import ChallengeRequest
from .other_ways import other_ways_than
from .phone_models import PhoneReleaseRequest, PhoneReleaseResponse, PhoneVisitResponse

_COMES_AGAIN_WITHIN_S: Final = 5.0
"""In seconds. The code that came back goes on ageing while its owner waits to come again, and a provider's lives for a
minute or less: told as others are, who is turned away twice would come with a void one."""


async def _door(service: Service) -> PhoneDoor:
    return PhoneDoor(service)


Door = Annotated[PhoneDoor, Depends(_door)]
phone_voters = APIRouter(
    tags=["voter"],
    dependencies=[Depends(limit_address)],
    route_class=route_adding(FrontRoute, other_ways_than("phone")),
)


@phone_voters.post("/elections/{election_uuid}/phone-visits", status_code=201)
async def begin(election_uuid: ElectionUuidPath, body: ChallengeRequest, door: Door) -> PhoneVisitResponse:
    """A way to マイナアプリ and back for a device, good for one attempt within ten minutes.

    The page adds ``state``: nothing else comes back with the voter, who may return into another browser.
    """
    begun = await door.begin(election_uuid, parse_device_key(body.device_key))
    return PhoneVisitResponse(
        challenge_id=begun.challenge.challenge_id,
        challenge=begun.texts.challenge,
        release_statement=begun.texts.statement,
        expires_at=rfc3339(begun.challenge.expires_at),
        authorization_url=begun.authorization_url,
    )


@phone_voters.post(
    "/elections/{election_uuid}/phone-releases", dependencies=[Depends(AgainWithin(_COMES_AGAIN_WITHIN_S))]
)
async def release(
    election_uuid: ElectionUuidPath, body: PhoneReleaseRequest, door: Door, turn: PhoneTurn
) -> PhoneReleaseResponse:
    """Show the code that came back, and receive the private credential and its holder's name, sealed to the device.

    The same request may be repeated while the visit lasts, for an answer that was lost: sealed anew.
    """
    asked = AskedByPhone(ReleaseRequested, body.challenge_id, body.code, body.device_request)
    released = await door.release(election_uuid, asked, turn)
    return PhoneReleaseResponse(
        election_uuid=election_uuid,
        sealed_credential=released.sealed_credential,
        sealed_name=released.sealed_name,
    )
