"""Voters who come with a card: a challenge, and then a credential, or a voting code and an order for their face."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import asyncpg
from evote_eventlog.events import VoterAuthenticated
from evote_jpki.certificates import CertificateRefused, RevocationUnknown
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.clock import rfc3339

from .domain.attempts import wait_after
from .domain.evidence import evidence
from .domain.refusals import (
    CardBlocked,
    CardMismatch,
    CardOfAnother,
    NotOnRoll,
    RefusedByOfficer,
    StatementSignatureWrong,
    TooManyFailures,
)
from .domain.release import (
    CHALLENGE_LIFETIME,
    AuthenticatedCard,
    CardResponse,
    Challenge,
    authenticate_card,
    authenticate_user,
    check_challenge,
    release_texts,
)
from .handlers import AuthService
from .registration import (
    BoundMeanwhile,
    FoundVoter,
    Registration,
    WaitsForOfficer,
    ended_certificates,
    find_voter,
    register_card,
)
from .releasing import PreparedRelease
from .vault import Connection, attempts, challenges
from .vault.cards import bound_card
from .vault.elections import KnownElection

_CHALLENGE_BYTES = 32
_FAILURES = (CertificateRefused, StatementSignatureWrong, NotOnRoll, CardOfAnother, CardBlocked, RefusedByOfficer)
"""What counts against a card once its user-authentication key has signed: see ``domain.attempts``."""

T = TypeVar("T")


@dataclass(frozen=True)
class AdmittedVoter:
    """A voter whose card signed, was found on the roll, and is bound in the transaction under way."""

    election: KnownElection
    response: CardResponse = field(repr=False)
    texts: ReleaseTexts = field(repr=False)
    found: FoundVoter
    registration: Registration
    now: datetime


@dataclass(frozen=True)
class CardDoor:
    """The card's way in at one replica."""

    service: AuthService

    async def give_challenge(self, election_uuid: str) -> tuple[Challenge, ReleaseTexts]:
        """A new challenge, and the texts that a card signs for it."""
        now = self.service.clock()
        challenge = Challenge(
            challenge_id=self.service.random(16).hex(),
            election_uuid=election_uuid,
            nonce=self.service.random(_CHALLENGE_BYTES).hex(),
            expires_at=now + CHALLENGE_LIFETIME,
        )
        async with self.service.pool.acquire() as connection:
            election = await self.service.open_to_voters(connection, election_uuid)
            await challenges.keep_challenge(connection, challenge, now)
        return challenge, release_texts(challenge, election.name)

    async def release(self, election_uuid: str, challenge_id: str, response: CardResponse) -> str:
        """Check a card's response and return the voter's private credential; the writes: see ``releasing``."""
        prepared = await self.admit(election_uuid, challenge_id, response, self._prepare_release)

        async def give_back() -> None:
            async with self.service.pool.acquire() as connection:
                await challenges.give_back_challenge(connection, challenge_id)

        return await self.service.releasing.publish(prepared, give_back)

    async def admit(
        self,
        election_uuid: str,
        challenge_id: str,
        response: CardResponse,
        then: Callable[[Connection, AdmittedVoter], Awaitable[T]],
    ) -> T:
        """Authenticate by card, and do ``then`` in the transaction that binds the card; both are committed, or neither.

        Checks go from cheap to dear, and the network comes after the card's signatures: nobody without a card can make
        us ask a responder. No connection to the database is held meanwhile.
        """
        now = self.service.clock()
        async with self.service.pool.acquire() as connection:
            election = await self.service.open_to_voters(connection, election_uuid)
            # Used up whatever follows: a challenge is good for one attempt.
            challenge = await challenges.use_challenge(connection, challenge_id)
            check_challenge(challenge, election_uuid, now)
        texts = release_texts(challenge, election.name)
        authorities = self.service.trust.authorities
        user = await asyncio.to_thread(authenticate_user, response, texts, authorities, now)
        async with self.service.pool.acquire() as connection:
            await _check_failures(connection, election_uuid, user.fingerprint, now)
        try:
            card = await asyncio.to_thread(
                authenticate_card, response, user, texts, self.service.trust.authorities, now
            )
            await self._require_unrevoked(card, now)
            return await self._bind(election, card, response, texts, now, then)
        except _FAILURES as failure:
            if not isinstance(failure, RevocationUnknown):
                async with self.service.pool.acquire() as connection:
                    await attempts.count_failure(connection, election_uuid, user.fingerprint, now)
            raise

    async def _bind(
        self,
        election: KnownElection,
        card: AuthenticatedCard,
        response: CardResponse,
        texts: ReleaseTexts,
        now: datetime,
        then: Callable[[Connection, AdmittedVoter], Awaitable[T]],
    ) -> T:
        """Find the voter and bind the card, or leave nothing but an officer's case."""
        service = self.service
        while True:
            async with service.pool.acquire() as connection:
                voter = await find_voter(connection, election.uuid, card, service.random, now)
                bound = await bound_card(connection, election.uuid, voter.voter_ref)
            ended = await ended_certificates(bound, card.pair, service.trust, now)
            try:
                async with service.pool.acquire() as connection, connection.transaction():
                    registered = await register_card(
                        connection, election.uuid, voter.voter_ref, card, bound, ended, service.random, now
                    )
                    if not isinstance(registered, WaitsForOfficer):
                        done = await then(connection, AdmittedVoter(election, response, texts, voter, registered, now))
                        await attempts.forget_failures(connection, election.uuid, card.pair.user)
                        return done
            except BoundMeanwhile:
                continue
            except asyncpg.UniqueViolationError:
                # Two voters were bound to one certificate at the same moment: the other came first.
                raise CardOfAnother from None
            raise CardMismatch(registered.case_number)

    async def _prepare_release(self, connection: Connection, voter: AdmittedVoter) -> PreparedRelease:
        releasing, voter_ref = self.service.releasing, voter.found.voter_ref
        credential = releasing.credential(voter.election, voter_ref)
        plain = evidence(
            voter.response,
            voter.texts,
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
        return await releasing.prepare(connection, authenticated, credential, plain)

    async def _require_unrevoked(self, card: AuthenticatedCard, now: datetime) -> None:
        """Both certificates at the same time; the first one's refusal comes first."""
        checks = [self.service.trust.require_valid(certificate, now) for certificate in (card.user, card.signature)]
        for refusal in await asyncio.gather(*checks, return_exceptions=True):
            if refusal is not None:
                raise refusal


async def _check_failures(connection: Connection, election_uuid: str, fingerprint: str, now: datetime) -> None:
    failures = await attempts.failures_of(connection, election_uuid, fingerprint)
    wait = wait_after(failures, now) if failures else timedelta(0)
    if wait:
        raise TooManyFailures(wait.total_seconds())
