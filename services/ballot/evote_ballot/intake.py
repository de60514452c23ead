"""Taking a ballot in: checks in the order of their cost, then durable, then read back, then the receipt.

Ballots in flight at the close: a ballot counts if its record stands before the election's ``BallotBoxClosed`` in its
partition. Its voter gets a receipt exactly then; the voter of a later record is told that the election is closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.events import BallotAccepted
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_platform.clock import Clock
from evote_platform.ratelimit import TokenBucket

from . import store
from .domain.envelope import BallotEnvelope, open_envelope
from .domain.receipt import Acceptance, TakenIn, sign_receipt
from .domain.refusals import ElectionClosed, RateLimited, UnknownCredential
from .domain.window import check_window
from .readback import ReadBack
from .store import OpenElection
from .verification import BallotVerifier


@dataclass(frozen=True)
class Intake:
    """A replica's intake. It keeps nothing that another replica would need."""

    pool: asyncpg.Pool
    producer: EventProducer
    read_back: ReadBack
    verifier: BallotVerifier
    credential_limit: TokenBucket
    receipt_key: Ed25519PrivateKey
    clock: Clock

    async def accept(self, election_uuid: str, body: bytes) -> TakenIn:
        """Take a ballot in and give its receipt.

        A ballot that was taken in before gets its first receipt again, also after the close: its voter may have missed
        the answer. Raises a ``Refusal``, or ``LogUnavailable`` when it isn't known whether the ballot was recorded.
        """
        envelope = open_envelope(body, election_uuid)
        election, known = await self._look_up(election_uuid, envelope)
        if known is not None:
            return TakenIn(sign_receipt(known, self.receipt_key), is_new=False)
        await self._verify(election, envelope)
        record = await self.producer.publish(
            BallotAccepted(
                election_uuid=election_uuid,
                credential=envelope.credential,
                tracker=envelope.tracker,
                ballot=envelope.text,
            )
        )
        # Durable from here on; whether it counts is what the log says before it.
        await self.read_back.wait_for(record.position)
        acceptance = await self._first_standing(election, envelope, record)
        is_new = (acceptance.partition, acceptance.offset) == (record.position.partition, record.position.offset)
        return TakenIn(sign_receipt(acceptance, self.receipt_key), is_new)

    async def _look_up(self, election_uuid: str, envelope: BallotEnvelope) -> tuple[OpenElection, Acceptance | None]:
        """What a database row can decide: the election, a ballot known already, the window, the credential."""
        in_memory = self.read_back.first_acceptance(election_uuid, envelope.tracker)
        async with self.pool.acquire() as connection:
            election = await store.load_election(connection, election_uuid)
            projected = await store.find_acceptance(connection, election_uuid, envelope.tracker)
            known = _earlier(projected, in_memory)
            if known is not None:
                return election, known
            check_window(election.window, self.clock())
            if not await store.has_credential(connection, election_uuid, envelope.credential):
                raise UnknownCredential
        wait_s = self.credential_limit.take(f"{election_uuid}|{envelope.credential}")
        if wait_s:
            raise RateLimited(wait_s)
        return election, None

    async def _verify(self, election: OpenElection, envelope: BallotEnvelope) -> None:
        digests = envelope.ciphertext_digests
        await self.verifier.check_signature(election.election_json, envelope.text)
        async with self.pool.acquire() as connection:
            await store.check_ciphertexts(connection, election.uuid, envelope.tracker, digests)
        await self.verifier.check_proofs(election.election_json, envelope.text)
        async with self.pool.acquire() as connection:
            await store.reserve_ciphertexts(connection, election.uuid, envelope.tracker, digests)

    async def _first_standing(self, election: OpenElection, envelope: BallotEnvelope, record: Record) -> Acceptance:
        """The record that stands for the ballot; ``ElectionClosed`` when the box was closed before it."""
        partition = record.position.partition
        marker = self.read_back.marker(election.uuid, partition)
        in_memory = self.read_back.first_acceptance(election.uuid, envelope.tracker)
        async with self.pool.acquire() as connection:
            if marker is None:
                marker = await store.find_marker(connection, election.uuid, partition)
            projected = await store.find_acceptance(connection, election.uuid, envelope.tracker)
        first = _earlier(projected, in_memory)
        if first is None or (marker is not None and marker < first.offset):
            raise ElectionClosed(election.window.closes_at)
        return first


def _earlier(left: Acceptance | None, right: Acceptance | None) -> Acceptance | None:
    """A ballot's records share a partition (their key is the credential), so offsets compare."""
    found = [acceptance for acceptance in (left, right) if acceptance is not None]
    return min(found, key=lambda acceptance: acceptance.offset, default=None)
