"""Commands: import and freeze a roll, give a challenge, release a credential. The order of writes is the design."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_eventlog.producer import EventProducer
from evote_jpki.certificates import CertificateRefused, RevocationUnknown
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.clock import Clock, rfc3339
from nacl.public import PublicKey, SealedBox

from .deriving import derive_public_list
from .domain.attempts import wait_after
from .domain.credentials import MasterKey, list_parts, list_sha256
from .domain.evidence import evidence
from .domain.matching import Likeness
from .domain.refusals import (
    CardBlocked,
    CardMismatch,
    CardOfAnother,
    ElectionOver,
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
from .domain.roll import decode_roll, parse_roll
from .registration import (
    BoundMeanwhile,
    FoundVoter,
    Registration,
    WaitsForOfficer,
    ended_certificates,
    find_voter,
    register_card,
)
from .trust import Trust
from .vault import Connection, attempts, challenges, elections, roll
from .vault.cards import bound_card
from .vault.elections import KnownElection
from .vault.evidence import EvidencedRelease, evidenced_releases, keep_evidence

_CHALLENGE_BYTES = 32
_FAILURES = (CertificateRefused, StatementSignatureWrong, NotOnRoll, CardOfAnother, CardBlocked, RefusedByOfficer)
"""What counts against a card once its user-authentication key has signed: see ``domain.attempts``."""


@dataclass(frozen=True)
class _PreparedRelease:
    """A release whose evidence is committed and whose events are not yet in the log."""

    voter_ref: str
    likeness: Likeness
    evidence_sha256: str
    sealed: bytes = field(repr=False)
    private_credential: str = field(repr=False)


@dataclass(frozen=True)
class AuthService:
    """A running replica; keeps nothing between requests."""

    pool: asyncpg.Pool
    producer: EventProducer
    master_key: MasterKey
    trust: Trust
    auditor_key: PublicKey
    clock: Clock
    random: Callable[[int], bytes]
    officer_token_sha256: str

    async def import_roll(self, election_uuid: str, content: bytes, charset: str) -> int:
        """Replace the roll by a CSV file; returns how many voters it has. All of it or nothing."""
        today = self.clock().date()
        async with self.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)

        def read() -> list[roll.RollRow]:
            return roll.roll_rows(election_uuid, parse_roll(decode_roll(content, charset), today), self.random)

        rows = await asyncio.to_thread(read)
        async with self.pool.acquire() as connection:
            await roll.replace_roll(connection, election_uuid, rows)
        return len(rows)

    async def freeze_roll(self, election_uuid: str) -> tuple[int, str]:
        """Freeze the roll and publish the public credentials; returns their number and the list's SHA-256.

        The roll is frozen in the vault first: whatever crash follows, repeating the command derives and publishes the
        same list, and readers keep the first of equal parts.
        """
        async with self.pool.acquire() as connection:
            election = await elections.load_election(connection, election_uuid)
            voter_refs = await roll.freeze_roll(connection, election_uuid, self.master_key.key_id)
        credentials = await derive_public_list(
            self.master_key, election.group, election_uuid, voter_refs, os.cpu_count() or 1
        )
        digest = list_sha256(credentials)
        async with self.pool.acquire() as connection:
            published = await roll.is_published(connection, election_uuid, digest)
        if not published:
            for part in list_parts(election_uuid, credentials):
                await self.producer.publish(part)
        return len(credentials), digest

    async def roll_state(self, election_uuid: str) -> roll.RollState:
        """Counts only."""
        async with self.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)
            return await roll.roll_state(connection, election_uuid)

    async def give_challenge(self, election_uuid: str) -> tuple[Challenge, ReleaseTexts]:
        """A new challenge, and the texts that a card signs for it."""
        now = self.clock()
        challenge = Challenge(
            challenge_id=self.random(16).hex(),
            election_uuid=election_uuid,
            nonce=self.random(_CHALLENGE_BYTES).hex(),
            expires_at=now + CHALLENGE_LIFETIME,
        )
        async with self.pool.acquire() as connection:
            election = await self._open_to_voters(connection, election_uuid)
            await challenges.keep_challenge(connection, challenge, now)
        return challenge, release_texts(challenge, election.name)

    async def release(self, election_uuid: str, challenge_id: str, response: CardResponse) -> str:
        """Check a card's response and return the voter's private credential.

        Checks go from cheap to dear, and the network comes after the card's signatures: nobody without a card can make
        us ask a responder. No connection to the database is held meanwhile.

        Order of writes: the evidence is committed, then the events are durable, then the credential leaves.

        - A crash before the events leaves evidence that no event names: nothing was released.
        - A crash after the events leaves an evidenced release that nobody received: the voter comes again and gets the
          same credential, with evidence of its own.
        - Nothing leaves a release without evidence.
        """
        now = self.clock()
        async with self.pool.acquire() as connection:
            election = await self._open_to_voters(connection, election_uuid)
            # Used up whatever follows: a challenge is good for one attempt.
            challenge = await challenges.use_challenge(connection, challenge_id)
            check_challenge(challenge, election_uuid, now)
        texts = release_texts(challenge, election.name)
        user = await asyncio.to_thread(authenticate_user, response, texts, self.trust.authorities, now)
        async with self.pool.acquire() as connection:
            await _check_failures(connection, election_uuid, user.fingerprint, now)
        try:
            card = await asyncio.to_thread(authenticate_card, response, user, texts, self.trust.authorities, now)
            await self._require_unrevoked(card, now)
            prepared = await self._prepare_release(election, card, response, texts, now)
        except _FAILURES as failure:
            if not isinstance(failure, RevocationUnknown):
                async with self.pool.acquire() as connection:
                    await attempts.count_failure(connection, election_uuid, user.fingerprint, now)
            raise
        try:
            await self._publish_release(election_uuid, prepared)
        except LogUnavailable:
            # The credential stays here, so the same card response may be sent again when the log is back.
            async with self.pool.acquire() as connection:
                await challenges.give_back_challenge(connection, challenge_id)
            raise
        return prepared.private_credential

    async def _prepare_release(
        self,
        election: KnownElection,
        card: AuthenticatedCard,
        response: CardResponse,
        texts: ReleaseTexts,
        now: datetime,
    ) -> _PreparedRelease:
        """Find the voter, bind the card and commit both with the evidence, or leave nothing but an officer's case."""
        while True:
            async with self.pool.acquire() as connection:
                voter = await find_voter(connection, election.uuid, card, self.random, now)
                bound = await bound_card(connection, election.uuid, voter.voter_ref)
            ended = await ended_certificates(bound, card.pair, self.trust, now)
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    registered = await register_card(
                        connection, election.uuid, voter.voter_ref, card, bound, ended, self.random, now
                    )
                    if not isinstance(registered, WaitsForOfficer):
                        prepared = self._seal(election, voter, registered, response, texts, now)
                        await keep_evidence(
                            connection, election.uuid, voter.voter_ref, prepared.evidence_sha256, prepared.sealed
                        )
                        await attempts.forget_failures(connection, election.uuid, card.pair.user)
                        return prepared
            except BoundMeanwhile:
                continue
            except asyncpg.UniqueViolationError:
                # Two voters were bound to one certificate at the same moment: the other came first.
                raise CardOfAnother from None
            raise CardMismatch(registered.case_number)

    def _seal(
        self,
        election: KnownElection,
        voter: FoundVoter,
        registered: Registration,
        response: CardResponse,
        texts: ReleaseTexts,
        now: datetime,
    ) -> _PreparedRelease:
        group = group_by_name(election.group)
        private = self.master_key.private_credential(group, election.uuid, voter.voter_ref)
        plain = evidence(
            response,
            texts,
            voter_ref=voter.voter_ref,
            credential=public_credential(private, election.uuid, group),
            released_at=rfc3339(now),
            match=voter.match,
            card_changes=registered.card_changes,
        )
        sealed = SealedBox(self.auditor_key).encrypt(plain)
        digest = hashlib.sha256(sealed).hexdigest()
        return _PreparedRelease(voter.voter_ref, voter.match.likeness, digest, sealed, private)

    async def evidenced_releases(self, election_uuid: str) -> AsyncIterator[EvidencedRelease]:
        """Every release in the log with its sealed evidence, as of one moment."""
        async with self.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)
        return evidenced_releases(self.pool, election_uuid)

    async def _require_unrevoked(self, card: AuthenticatedCard, now: datetime) -> None:
        """Both certificates at the same time; the first one's refusal comes first."""
        checks = [self.trust.require_valid(certificate, now) for certificate in (card.user, card.signature)]
        for refusal in await asyncio.gather(*checks, return_exceptions=True):
            if refusal is not None:
                raise refusal

    async def _publish_release(self, election_uuid: str, prepared: _PreparedRelease) -> None:
        await self.producer.publish(
            VoterAuthenticated(
                election_uuid=election_uuid,
                voter_ref=prepared.voter_ref,
                method="card",
                likeness=prepared.likeness.value,
            )
        )
        await self.producer.publish(
            CredentialReleased(
                election_uuid=election_uuid,
                voter_ref=prepared.voter_ref,
                evidence_sha256=prepared.evidence_sha256,
            )
        )

    async def _open_to_voters(self, connection: Connection, election_uuid: str) -> KnownElection:
        election = await elections.load_election(connection, election_uuid)
        if election.closed:
            raise ElectionOver
        await roll.require_frozen(connection, election_uuid, self.master_key.key_id)
        return election


async def _check_failures(connection: Connection, election_uuid: str, fingerprint: str, now: datetime) -> None:
    failures = await attempts.failures_of(connection, election_uuid, fingerprint)
    wait = wait_after(failures, now) if failures else timedelta(0)
    if wait:
        raise TooManyFailures(wait.total_seconds())
