"""Voters who come with a card and a phone: a way to マイナアプリ, and a credential for what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from evote_device.keys import DeviceKey
from evote_device.sealing import Contents, seal
from evote_eventlog.events import VoterAuthenticated
from evote_jpki.release_texts import ReleaseTexts
from evote_phone.id_token import verify_id_token
from evote_platform.clock import rfc3339
from evote_platform.door import Turn

from ..domain.phone import VISIT_LIFETIME, AskedByPhone, PhoneAnswer, PhoneVisit, new_code_verifier
from ..domain.phone_evidence import phone_evidence
from ..domain.release import Challenge, authenticate_signature, new_challenge, release_texts, request_sha256
from ..metrics import Way
from ..releasing import PreparedRelease
from ..service import AuthService
from ..vault import Connection, challenges, phone_visits
from .admission import AdmittedVoter, admit_known, use_challenge


@dataclass(frozen=True)
class BegunVisit:
    """What the page needs to send its voter to the app."""

    challenge: Challenge
    texts: ReleaseTexts
    authorization_url: str = field(repr=False)
    """All but ``state``."""


@dataclass(frozen=True)
class ReleasedByPhone:
    """Both sealed to the device."""

    sealed_credential: str
    sealed_name: str
    """Of the card's holder. An address that comes back from the app may be anybody's: who reads it sees whose it is."""


@dataclass(frozen=True)
class PhoneDoor:
    """The phone's way in at one replica."""

    service: AuthService

    async def begin(self, election_uuid: str, device_key: DeviceKey) -> BegunVisit:
        """A challenge for a device, whose statement the app is to have signed.

        Raises ``PhoneNotOffered`` or ``PhoneServiceAway``.
        """
        provider = self.service.require_phone()
        now = self.service.clock()
        async with self.service.pool.acquire() as connection:
            election = await self.service.open_to_voters(connection, election_uuid)
        challenge = new_challenge(self.service.random, election_uuid, device_key, now + VISIT_LIFETIME)
        texts = release_texts(challenge, election.name)
        # The device's key is in the statement: what the app has signed is settled before the voter leaves the page.
        transaction_id = await provider.begin(texts.statement)
        visit = PhoneVisit(challenge.challenge_id, new_code_verifier(self.service.random), transaction_id)
        # A crash before the commit leaves a transaction at the provider that nobody authorises.
        async with self.service.pool.acquire() as connection, connection.transaction():
            await challenges.keep_challenge(connection, challenge, now)
            await phone_visits.keep_visit(connection, visit)
        return BegunVisit(challenge, texts, provider.authorization_url(visit, texts.challenge))

    async def release(self, election_uuid: str, asked: AskedByPhone, turn: Turn) -> ReleasedByPhone:
        """Take what the app did for the code that came back, and return the credential, and whose it is.

        The writes: see ``releasing``.
        """
        provider = self.service.require_phone()
        async with self.service.pool.acquire() as connection:
            visit = await phone_visits.visit_of(connection, asked.challenge_id)
        attempt = await use_challenge(self.service, election_uuid, asked, turn)
        async with turn.aside():
            # Told once by the provider: the same request again, after its answer was lost, finds it here.
            answer = visit.answer or await provider.answer(visit, asked.code)
            signer = await provider.provider()
        # Before anything counts against anybody: without it, a signature would do that was got elsewhere.
        verify_id_token(answer.id_token, signer, attempt.texts.challenge, attempt.now)
        card = authenticate_signature(
            answer.signature_certificate,
            answer.statement_signature,
            None,
            attempt.texts,
            self.service.require_trust().authorities,
            attempt.now,
        )
        then = partial(self._prepare_release, asked, answer)
        prepared = await admit_known(self.service, attempt, card.signature.fingerprint, lambda: card, then)
        shown = card.signature.attributes or card.attributes
        sealed_name = seal(Contents.NAME, shown.name, prepared.occasion)
        return ReleasedByPhone(await self.service.releasing.publish(prepared, Way.PHONE), sealed_name)

    async def _prepare_release(
        self, asked: AskedByPhone, answer: PhoneAnswer, connection: Connection, voter: AdmittedVoter
    ) -> PreparedRelease:
        releasing, attempt, voter_ref = self.service.releasing, voter.attempt, voter.found.voter_ref
        credential = await releasing.credential(attempt.election, voter_ref)
        plain = phone_evidence(
            answer,
            asked.code,
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
            # A card it is. A word of its own would stop every reader of the release before; the evidence has it.
            method="card",
            likeness=voter.found.match.likeness.value,
        )
        challenge = attempt.challenge
        await phone_visits.keep_answer(connection, challenge.challenge_id, answer)
        await challenges.note_release(connection, challenge.challenge_id, request_sha256(asked.device_request))
        return await releasing.prepare(connection, authenticated, credential, plain, challenge.occasion)
