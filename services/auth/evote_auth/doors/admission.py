"""Admitting a voter who comes with a card, in a reader or by phone, whatever for: revocation, voter, binding."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import asyncpg
from evote_jpki.certificates import CertificateRefused, RevocationUnknown
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.door import Turn

from ..domain.attempts import wait_after
from ..domain.refusals import (
    CardBlocked,
    CardMismatch,
    CardOfAnother,
    NotOnRoll,
    RefusedByOfficer,
    StatementSignatureWrong,
    TooManyFailures,
)
from ..domain.release import (
    Asked,
    AskedByCard,
    AuthenticatedCard,
    Challenge,
    authenticate_card,
    authenticate_user,
    check_challenge,
    release_texts,
)
from ..service import AuthService
from ..vault import Connection, attempts, challenges
from ..vault.cards import bound_card
from ..vault.elections import KnownElection
from .registration import (
    BoundMeanwhile,
    FoundVoter,
    Registration,
    WaitsForOfficer,
    ended_certificates,
    find_voter,
    register_card,
)

_FAILURES = (CertificateRefused, StatementSignatureWrong, NotOnRoll, CardOfAnother, CardBlocked, RefusedByOfficer)
"""What counts against a card once its user-authentication key has signed: see ``domain.attempts``."""

T = TypeVar("T")


@dataclass(frozen=True)
class Attempt:
    """A challenge that a device answers, used up."""

    election: KnownElection
    challenge: Challenge
    texts: ReleaseTexts = field(repr=False)
    now: datetime
    turn: Turn


@dataclass(frozen=True)
class AdmittedVoter:
    """A voter whose card signed, was found on the roll, and is bound in the transaction under way."""

    attempt: Attempt
    found: FoundVoter
    registration: Registration


Then = Callable[[Connection, AdmittedVoter], Awaitable[T]]
"""What is done in the transaction that binds the card."""


async def use_challenge(service: AuthService, election_uuid: str, asked: Asked, turn: Turn) -> Attempt:
    """The challenge that is answered, spent; raises as ``check_challenge`` does."""
    now = service.clock()
    async with service.pool.acquire() as connection:
        election = await service.open_to_voters(connection, election_uuid)
        # Used up whatever follows: a challenge is good for one attempt. A crash behind it leaves it spent and nothing
        # else; the card signs a new one.
        challenge = await challenges.use_challenge(connection, asked.challenge_id)
        check_challenge(challenge, asked, election_uuid, now)
    return Attempt(election, challenge, release_texts(challenge, election.name), now, turn)


async def admit(service: AuthService, election_uuid: str, asked: AskedByCard, turn: Turn, then: Then[T]) -> T:
    """Authenticate by card, and do ``then`` in the transaction that binds the card; both are committed, or neither.

    Checks go from cheap to dear, and the network comes after the card's signatures: nobody without a card can make
    us ask a responder. No connection to the database is held meanwhile, and not ``turn``.
    """
    trust = service.require_trust()
    attempt = await use_challenge(service, election_uuid, asked, turn)
    texts, now = attempt.texts, attempt.now
    user = await asyncio.to_thread(authenticate_user, asked.card, texts, trust.authorities, now)

    def authenticate() -> AuthenticatedCard:
        return authenticate_card(asked.card, user, texts, trust.authorities, now)

    return await admit_known(service, attempt, user.fingerprint, authenticate, then)


async def admit_known(
    service: AuthService,
    attempt: Attempt,
    fingerprint: str,
    authenticate: Callable[[], AuthenticatedCard],
    then: Then[T],
) -> T:
    """From where it is certain who is asking: failures count from here on, and the network may be asked.

    Args:
        fingerprint: of the certificate whose key has signed this attempt's challenge, under which failures count.
        authenticate: what of the card is left to check.
    """
    election, now = attempt.election, attempt.now
    async with service.pool.acquire() as connection:
        await _check_failures(connection, election.uuid, fingerprint, now)
    try:
        card = await asyncio.to_thread(authenticate)
        async with attempt.turn.aside():
            await _require_unrevoked(service, card, now)
        return await _bind(service, attempt, card, fingerprint, then)
    except _FAILURES as failure:
        if not isinstance(failure, RevocationUnknown):
            async with service.pool.acquire() as connection:
                await attempts.count_failure(connection, election.uuid, fingerprint, now)
        raise


async def _bind(service: AuthService, attempt: Attempt, card: AuthenticatedCard, fingerprint: str, then: Then[T]) -> T:
    """Find the voter and bind the card, or leave nothing but an officer's case."""
    election, now = attempt.election, attempt.now
    while True:
        async with service.pool.acquire() as connection:
            voter = await find_voter(connection, election.uuid, card, service.random, now)
            bound = await bound_card(connection, election.uuid, voter.voter_ref)
        ended = await ended_certificates(bound, card.pair, service.require_trust(), attempt.turn, now)
        try:
            async with service.pool.acquire() as connection, connection.transaction():
                registered = await register_card(
                    connection, election.uuid, voter.voter_ref, card, bound, ended, service.random, now
                )
                # A crash before the commit leaves neither binding nor evidence, and no event: the voter comes as if for
                # the first time. A crash behind it leaves both, and the voter's card fits its own binding.
                if not isinstance(registered, WaitsForOfficer):
                    done = await then(connection, AdmittedVoter(attempt, voter, registered))
                    await attempts.forget_failures(connection, election.uuid, fingerprint)
                    return done
        except BoundMeanwhile:
            continue  # rolled back: nothing of this round is left
        except asyncpg.UniqueViolationError:
            # Two voters were bound to one certificate at the same moment: the other came first.
            raise CardOfAnother from None
        # Committed with nothing but the case: a crash before the answer leaves it open, and the next try finds it.
        raise CardMismatch(registered.case_number)


async def _require_unrevoked(service: AuthService, card: AuthenticatedCard, now: datetime) -> None:
    """All certificates at the same time; the first one's refusal comes first."""
    checks = [service.require_trust().require_valid(certificate, now) for certificate in card.certificates]
    for refusal in await asyncio.gather(*checks, return_exceptions=True):
        if refusal is not None:
            raise refusal


async def _check_failures(connection: Connection, election_uuid: str, fingerprint: str, now: datetime) -> None:
    failures = await attempts.failures_of(connection, election_uuid, fingerprint)
    wait = wait_after(failures, now) if failures else timedelta(0)
    if wait:
        raise TooManyFailures(wait.total_seconds())
