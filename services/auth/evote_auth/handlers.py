"""Commands: import and freeze a roll, give a challenge, release a credential. The order of writes is the design."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_eventlog.producer import EventProducer
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.clock import Clock, rfc3339
from nacl.public import PublicKey, SealedBox

from . import vault
from .deriving import derive_public_list
from .domain.credentials import MasterKey, list_parts, list_sha256
from .domain.refusals import ElectionOver
from .domain.release import (
    CHALLENGE_LIFETIME,
    AuthenticatedCard,
    CardResponse,
    Challenge,
    authenticate_card,
    check_challenge,
    evidence,
    release_texts,
)
from .domain.roll import decode_roll, parse_roll
from .trust import Trust

_CHALLENGE_BYTES = 32


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
            await vault.load_election(connection, election_uuid)

        def read() -> list[vault.RollRow]:
            return vault.roll_rows(election_uuid, parse_roll(decode_roll(content, charset), today), self.random)

        rows = await asyncio.to_thread(read)
        async with self.pool.acquire() as connection:
            await vault.replace_roll(connection, election_uuid, rows)
        return len(rows)

    async def freeze_roll(self, election_uuid: str) -> tuple[int, str]:
        """Freeze the roll and publish the public credentials; returns their number and the list's SHA-256.

        The roll is frozen in the vault first: whatever crash follows, repeating the command derives and publishes the
        same list, and readers keep the first of equal parts.
        """
        async with self.pool.acquire() as connection:
            election = await vault.load_election(connection, election_uuid)
            voter_refs = await vault.freeze_roll(connection, election_uuid, self.master_key.key_id)
        credentials = await derive_public_list(
            self.master_key, election.group, election_uuid, voter_refs, os.cpu_count() or 1
        )
        digest = list_sha256(credentials)
        async with self.pool.acquire() as connection:
            published = await vault.is_published(connection, election_uuid, digest)
        if not published:
            for part in list_parts(election_uuid, credentials):
                await self.producer.publish(part)
        return len(credentials), digest

    async def roll_state(self, election_uuid: str) -> vault.RollState:
        """Counts only."""
        async with self.pool.acquire() as connection:
            await vault.load_election(connection, election_uuid)
            return await vault.roll_state(connection, election_uuid)

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
            await vault.keep_challenge(connection, challenge, now)
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
            group = group_by_name(election.group)
            # Used up whatever follows: a challenge is good for one attempt.
            challenge = await vault.use_challenge(connection, challenge_id)
            check_challenge(challenge, election_uuid, now)
            texts = release_texts(challenge, election.name)
        card = await asyncio.to_thread(authenticate_card, response, texts, self.trust.authorities, now)
        await self._require_unrevoked(card, now)
        async with self.pool.acquire() as connection, connection.transaction():
            voter_ref = await vault.find_voter(connection, election_uuid, card)
            await vault.bind_card(connection, election_uuid, voter_ref, card)
            private = self.master_key.private_credential(group, election_uuid, voter_ref)
            plain = evidence(
                response,
                texts,
                voter_ref=voter_ref,
                credential=public_credential(private, election_uuid, group),
                released_at=rfc3339(now),
            )
            sealed = SealedBox(self.auditor_key).encrypt(plain)
            digest = hashlib.sha256(sealed).hexdigest()
            await vault.keep_evidence(connection, election_uuid, voter_ref, digest, sealed)
        try:
            await self._publish_release(election_uuid, voter_ref, digest)
        except LogUnavailable:
            # The credential stays here, so the same card response may be sent again when the log is back.
            async with self.pool.acquire() as connection:
                await vault.give_back_challenge(connection, challenge_id)
            raise
        return private

    async def evidenced_releases(self, election_uuid: str) -> AsyncIterator[vault.EvidencedRelease]:
        """Every release in the log with its sealed evidence, as of one moment."""
        async with self.pool.acquire() as connection:
            await vault.load_election(connection, election_uuid)
        return vault.evidenced_releases(self.pool, election_uuid)

    async def _require_unrevoked(self, card: AuthenticatedCard, now: datetime) -> None:
        """Both certificates at the same time; the first one's refusal comes first."""
        certificates = (card.user_certificate, card.signature_certificate)
        checks = [self.trust.require_valid(certificate, now) for certificate in certificates]
        for refusal in await asyncio.gather(*checks, return_exceptions=True):
            if refusal is not None:
                raise refusal

    async def _publish_release(self, election_uuid: str, voter_ref: str, evidence_sha256: str) -> None:
        await self.producer.publish(VoterAuthenticated(election_uuid=election_uuid, voter_ref=voter_ref, method="card"))
        await self.producer.publish(
            CredentialReleased(election_uuid=election_uuid, voter_ref=voter_ref, evidence_sha256=evidence_sha256)
        )

    async def _open_to_voters(self, connection: vault.Connection, election_uuid: str) -> vault.KnownElection:
        election = await vault.load_election(connection, election_uuid)
        if election.closed:
            raise ElectionOver
        await vault.require_frozen(connection, election_uuid, self.master_key.key_id)
        return election
