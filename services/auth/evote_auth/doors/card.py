"""Voters who come with a card: a challenge, and then a credential."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from evote_device.keys import DeviceKey
from evote_eventlog.events import VoterAuthenticated
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.clock import rfc3339
from evote_platform.door import Turn

from ..domain.evidence import evidence
from ..domain.release import (
    CHALLENGE_LIFETIME,
    AskedByCard,
    Challenge,
    new_challenge,
    release_texts,
    request_sha256,
)
from ..metrics import Way
from ..releasing import PreparedRelease
from ..service import AuthService
from ..vault import Connection, challenges
from .admission import AdmittedVoter, admit


@dataclass(frozen=True)
class CardDoor:
    """The card's way in at one replica."""

    service: AuthService

    async def give_challenge(self, election_uuid: str, device_key: DeviceKey) -> tuple[Challenge, ReleaseTexts]:
        """A new challenge for a device, and the texts that a card signs for it; raises ``CardNotOffered``."""
        self.service.require_trust()
        now = self.service.clock()
        challenge = new_challenge(self.service.random, election_uuid, device_key, now + CHALLENGE_LIFETIME)
        async with self.service.pool.acquire() as connection:
            election = await self.service.open_to_voters(connection, election_uuid)
            await challenges.keep_challenge(connection, challenge, now)
        return challenge, release_texts(challenge, election.name)

    async def release(self, election_uuid: str, asked: AskedByCard, turn: Turn) -> str:
        """Check a card's response and return the voter's private credential, sealed to the device that asks.

        The writes: see ``releasing``.
        """
        prepared = await admit(self.service, election_uuid, asked, turn, partial(self._prepare_release, asked))
        return await self.service.releasing.publish(prepared, Way.CARD)

    async def _prepare_release(
        self, asked: AskedByCard, connection: Connection, voter: AdmittedVoter
    ) -> PreparedRelease:
        releasing, attempt, voter_ref = self.service.releasing, voter.attempt, voter.found.voter_ref
        credential = await releasing.credential(attempt.election, voter_ref)
        plain = evidence(
            asked.card,
            attempt.texts,
            asked.device_request,
            voter_ref=voter_ref,
            credential=credential.public,
            released_at=rfc3339(attempt.now),
            match=voter.found.match,
            card_changes=voter.registration.card_changes,
        )
        authenticated = VoterAuthenticated(
            election_uuid=attempt.election.uuid,
            voter_ref=voter_ref,
            method="card",
            likeness=voter.found.match.likeness.value,
        )
        challenge = attempt.challenge
        await challenges.note_release(connection, challenge.challenge_id, request_sha256(asked.device_request))
        return await releasing.prepare(connection, authenticated, credential, plain, challenge.occasion)
