"""Voters who come with a card: a challenge, and then a credential."""

from __future__ import annotations

from dataclasses import dataclass

from evote_device.keys import DeviceKey
from evote_eventlog.events import VoterAuthenticated
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.clock import rfc3339

from ..domain.evidence import evidence
from ..domain.release import CHALLENGE_LIFETIME, AskedByCard, Challenge, release_texts, request_sha256
from ..releasing import PreparedRelease
from ..service import AuthService
from ..vault import Connection, challenges
from .admission import AdmittedVoter, admit

_CHALLENGE_BYTES = 32


@dataclass(frozen=True)
class CardDoor:
    """The card's way in at one replica."""

    service: AuthService

    async def give_challenge(self, election_uuid: str, device_key: DeviceKey) -> tuple[Challenge, ReleaseTexts]:
        """A new challenge for a device, and the texts that a card signs for it."""
        now = self.service.clock()
        challenge = Challenge(
            challenge_id=self.service.random(16).hex(),
            election_uuid=election_uuid,
            nonce=self.service.random(_CHALLENGE_BYTES).hex(),
            expires_at=now + CHALLENGE_LIFETIME,
            device_key=device_key,
        )
        async with self.service.pool.acquire() as connection:
            election = await self.service.open_to_voters(connection, election_uuid)
            await challenges.keep_challenge(connection, challenge, now)
        return challenge, release_texts(challenge, election.name)

    async def release(self, election_uuid: str, asked: AskedByCard) -> str:
        """Check a card's response and return the voter's private credential, sealed to the device that asks.

        The writes: see ``releasing``.
        """
        prepared = await admit(self.service, election_uuid, asked, self._prepare_release)
        return await self.service.releasing.publish(prepared)

    async def _prepare_release(self, connection: Connection, voter: AdmittedVoter) -> PreparedRelease:
        releasing, voter_ref = self.service.releasing, voter.found.voter_ref
        credential = await releasing.credential(voter.election, voter_ref)
        plain = evidence(
            voter.asked.card,
            voter.texts,
            voter.asked.device_request,
            voter_ref=voter_ref,
            credential=credential.public,
            released_at=rfc3339(voter.now),
            match=voter.found.match,
            card_changes=voter.registration.card_changes,
        )
        authenticated = VoterAuthenticated(
            election_uuid=voter.election.uuid,
            voter_ref=voter_ref,
            method="card",
            likeness=voter.found.match.likeness.value,
        )
        await challenges.note_release(
            connection, voter.challenge.challenge_id, request_sha256(voter.asked.device_request)
        )
        return await releasing.prepare(connection, authenticated, credential, plain, voter.challenge.occasion)
