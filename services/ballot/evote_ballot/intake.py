"""Taking a ballot in: checks in the order of their cost, then durable, then read back, then the receipt.

Ballots in flight at the close: a ballot counts if its record stands before the election's ``BallotBoxClosed`` in its
partition. Its voter gets a receipt exactly then; the voter of a later record is told that the election is closed.

Ballots that were held up: a ballot counts if its number is above that of its credential's last ballot before it in the
log. A replica that was stopped and goes on finds the newer ballot there, and says so instead of giving a receipt.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import BallotAccepted
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_platform.clock import Clock
from evote_platform.ratelimit import TokenBucket

from . import store
from .domain.cast import open_cast
from .domain.history import History
from .domain.receipt import TakenIn, sign_receipt
from .domain.refusals import (
    BadProof,
    BadSignature,
    DuplicateCiphertext,
    InvalidBallot,
    InvalidOrder,
    Overloaded,
    RateLimited,
    Refusal,
    UnknownCredential,
    UnknownElection,
)
from .domain.window import check_window
from .metrics import IntakeMetrics
from .readback import ReadBack, cast_record
from .store import Look
from .verification import BallotVerifier

_CHECKED_WITHIN_S = 15.0
"""Well below what clients and proxies wait: what nobody waits for any more must not be recorded."""
_LONG_S = 0.1
"""Who asked the tables for longer than this looks at the log again before it trusts what it knows of it."""
_RETRY_AFTER_S = 2.0


@dataclass(frozen=True)
class CheckedCast:
    """A cast that passed every check, and may be recorded."""

    cast: BallotAccepted
    look: Look
    closes_at: str


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
    metrics: IntakeMetrics
    election_texts: dict[str, str] = field(default_factory=dict)
    """``election.json`` by election, of those that somebody cast in."""

    async def check(self, election_uuid: str, body: bytes) -> CheckedCast | TakenIn:
        """Everything that comes before a record: it may be cancelled at any point, and nothing will come of it.

        A ballot that was taken in before gets its first receipt again, also after the close: its voter may have missed
        the answer. Raises a ``Refusal``, or ``LogUnavailable`` while the tables are being made again.
        """
        cast = open_cast(body, election_uuid)
        try:
            async with asyncio.timeout(_CHECKED_WITHIN_S) as deadline:
                return await self._check(cast)
        except TimeoutError:
            if deadline.expired():
                raise Overloaded(_RETRY_AFTER_S) from None
            raise

    async def record(self, checked: CheckedCast) -> TakenIn:
        """Make it durable, and give the receipt of what the log admits.

        Raises ``ElectionClosed`` or ``OlderThanLast`` when it does not, and ``LogUnavailable`` when it isn't known
        whether the ballot was recorded.
        """
        # A crash here leaves ciphertexts reserved for this ballot and for no other: it may come again, to any replica.
        record = await self.producer.publish(checked.cast)
        # Durable from here on; whether it counts is what the log says before it. A crash here, or an acknowledgement
        # that was lost, leaves a record without a receipt: the same text, sent again, finds it, or stands behind it.
        await self._read_back(record)
        # What the tables said before, and all that the reader has seen since, up to this record: they need not be asked
        # again. The reader remembers more than all of this takes, and says so if it did not.
        history = checked.look.history(self.read_back)
        recorded = cast_record(record, checked.cast)
        acceptance = history.demand_admitted(recorded, checked.closes_at)
        # A crash here leaves a ballot that counts, and a voter who doesn't know: the same text gets the same receipt.
        return TakenIn(sign_receipt(acceptance, self.receipt_key), is_new=acceptance == recorded.acceptance)

    async def _read_back(self, record: Record) -> None:
        began = monotonic()
        try:
            await self.read_back.wait_for(record)
        except LogUnavailable:
            self.metrics.read_back_seconds.labels("failed").observe(monotonic() - began)
            raise
        self.metrics.read_back_seconds.labels("ok").observe(monotonic() - began)

    async def _check(self, cast: BallotAccepted) -> CheckedCast | TakenIn:
        election_json = self.election_texts.get(cast.election_uuid)
        if election_json is None or not self.verifier.is_quick(election_json, cast):
            # Whom the tables refuse must not cost arithmetic that is dearer than to ask them.
            async with self.pool.acquire() as connection:
                look = await store.look_at(connection, cast.election_uuid, cast.credential)
                if (known := self._known(cast, look, look.history(self.read_back))) is not None:
                    return known
                election_json = await self._election_json(connection, cast.election_uuid)
        digests, refusal = await self._examine(election_json, cast)
        async with self.pool.acquire() as connection:
            began = monotonic()
            look, promised = await store.look_and_reserve(connection, cast, () if refusal else digests)
        # What came within the last moments alone, by way of another replica, the record itself would find before it
        # (ADR 1).
        if monotonic() - began > _LONG_S:
            await self.read_back.catch_up()
        history = look.history(self.read_back)
        if (known := self._known(cast, look, history)) is not None:
            return known
        if refusal is not None and not isinstance(refusal, BadProof):
            raise refusal
        history.demand_room_for(cast)
        if refusal is not None:
            # Proofs that were copied with their ciphertexts are made for another credential: say what it is.
            async with self.pool.acquire() as connection:
                await store.check_ciphertexts(connection, cast.election_uuid, cast.tracker, digests)
            raise refusal
        if not promised:
            raise DuplicateCiphertext
        assert look.window is not None  # noqa: S101 - else it was refused above
        return CheckedCast(cast, look, look.window.closes_at)

    async def _examine(self, election_json: str, cast: BallotAccepted) -> tuple[tuple[str, ...], Refusal | None]:
        """The ciphertexts' digests, and what the cast by itself is refused for, if the tables refuse it for nothing."""
        try:
            signed = await self.verifier.check(election_json, cast)
        except (InvalidBallot, BadSignature, InvalidOrder) as refusal:
            return (), refusal
        # Behind the signature: credentials are public, and junk that names one must not use up its owner's share.
        wait_s = self.credential_limit.take(f"{cast.election_uuid}|{cast.credential}")
        return signed.digests, RateLimited(wait_s) if wait_s else signed.bad_proof

    def _known(self, cast: BallotAccepted, look: Look, history: History) -> TakenIn | None:
        """The receipt of a ballot that was taken in before; raises what the tables refuse any other for."""
        # The history was made first: it notices tables that are being made again, where an election may be missing.
        if look.window is None:
            raise UnknownElection(cast.election_uuid)
        if (known := history.accepted(cast.tracker)) is not None:
            return TakenIn(sign_receipt(known, self.receipt_key), is_new=False)
        check_window(look.window, self.clock())
        if not look.is_listed:
            raise UnknownCredential
        return None

    async def _election_json(self, connection: store.Connection, election_uuid: str) -> str:
        """Read once: the log fixes it when it opens the election."""
        text = self.election_texts.get(election_uuid)
        if text is None:
            text = self.election_texts[election_uuid] = await store.election_text(connection, election_uuid)
        return text
