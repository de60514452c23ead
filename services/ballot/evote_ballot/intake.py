"""Taking a ballot in: what it shows by itself and what the tables say, then durable, then read back, then the receipt.

Ballots in flight at the close: a ballot counts if its record stands before the election's ``BallotBoxClosed`` in its
partition. Its voter gets a receipt exactly then; the voter of a later record is told that the election is closed.

Ballots that were held up: a ballot counts if its number is above that of its credential's last ballot before it in the
log. A replica that was stopped and goes on finds the newer ballot there, and says so instead of giving a receipt.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_belenios.admission import ExaminedCast
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import BallotAccepted
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_platform.clock import Clock
from evote_platform.ratelimit import TokenBucket

from . import store
from .domain.cast import examined_when_opened, open_cast
from .domain.history import History
from .domain.receipt import TakenIn, sign_receipt
from .domain.refusals import (
    BadProof,
    DuplicateCiphertext,
    Overloaded,
    RateLimited,
    UnknownCredential,
    UnknownElection,
)
from .domain.window import check_window, is_open
from .metrics import IntakeMetrics
from .readback import ReadBack, cast_record
from .store import Look, OpenElection, Promise
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
    elections: dict[str, OpenElection] = field(default_factory=dict)
    """Those that somebody cast in; that one is closed may be missing."""

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
        await self._read_back(record, examined_when_opened(checked.cast))
        # What the tables said before, and all that the reader has seen since, up to this record: they need not be asked
        # again. The reader remembers more than all of this takes, and says so if it did not.
        history = checked.look.history(self.read_back)
        recorded = cast_record(record, checked.cast)
        acceptance = history.demand_admitted(recorded, checked.closes_at)
        # A crash here leaves a ballot that counts, and a voter who doesn't know: the same text gets the same receipt.
        return TakenIn(sign_receipt(acceptance, self.receipt_key), is_new=acceptance == recorded.acceptance)

    async def _read_back(self, record: Record, examined: ExaminedCast) -> None:
        began = monotonic()
        try:
            await self.read_back.wait_for(record, examined)
        except LogUnavailable:
            self.metrics.read_back_seconds.labels("failed").observe(monotonic() - began)
            raise
        self.metrics.read_back_seconds.labels("ok").observe(monotonic() - began)

    async def _check(self, cast: BallotAccepted) -> CheckedCast | TakenIn:
        election = self.elections.get(cast.election_uuid)
        if election is None or not self._is_worth_arithmetic(election, cast):
            # Whom the tables refuse must not cost arithmetic that is dearer than to ask them.
            async with self.pool.acquire() as connection:
                look = await store.look_at(connection, cast.election_uuid, cast.credential)
                if (known := self._known(cast, look, look.history(self.read_back), self.clock())) is not None:
                    return known
                election = await self._election(connection, cast.election_uuid)
        examined = await self.verifier.check(election.election_json, cast)
        # Behind the signature: credentials are public, and junk that names one must not use up its owner's share.
        share = f"{cast.election_uuid}|{cast.credential}"
        wait_s = self.credential_limit.take(share) if examined.is_signed else 0.0
        refusal = RateLimited(wait_s) if wait_s else examined.refusal
        is_counted = False
        try:
            now = self.clock()
            digests = examined.digests if refusal is None and is_open(election.window, now) else ()
            async with self.pool.acquire() as connection:
                began = monotonic()
                look, promise = await store.look_and_reserve(connection, cast, digests)
            # What came within the last moments alone, by way of another replica, the record itself would find before
            # it (ADR 1).
            if monotonic() - began > _LONG_S:
                await self.read_back.catch_up()
            if look.window is not None and look.window.closed:
                # By an officer, before the hour: who comes from now on asks the tables first.
                self.elections[cast.election_uuid] = replace(election, window=look.window)
            history = look.history(self.read_back)
            if (known := self._known(cast, look, history, now)) is not None:
                return known
            is_counted = True
        finally:
            # Of what the tables answer by themselves, neither strangers nor who repeats a cast uses up a share.
            if examined.is_signed and not wait_s and not is_counted:
                self.credential_limit.give_back(share)
        if refusal is not None and not isinstance(refusal, BadProof):
            raise refusal
        history.demand_room_for(cast, was_promised=promise is Promise.BEFORE)
        if refusal is not None:
            # Proofs that were copied with their ciphertexts are made for another credential: say what it is.
            async with self.pool.acquire() as connection:
                await store.check_ciphertexts(connection, cast.election_uuid, cast.tracker, examined.digests)
            raise refusal
        # Tables that are made again may lack a close that was seen in them: then no promise was asked for.
        check_window(election.window, now, is_final=history.is_final)
        if promise is Promise.NONE:
            raise DuplicateCiphertext
        return CheckedCast(cast, look, election.window.closes_at)

    def _is_worth_arithmetic(self, election: OpenElection, cast: BallotAccepted) -> bool:
        """Whether it comes before the tables: it is cheap, and they are not known to refuse everything new."""
        return is_open(election.window, self.clock()) and self.verifier.is_quick(election.election_json, cast)

    def _known(self, cast: BallotAccepted, look: Look, history: History, now: datetime) -> TakenIn | None:
        """The receipt of a ballot that was taken in before; raises what the tables refuse any other for."""
        # The history was made first: it notices tables that are being made again, where an election may be missing.
        if look.window is None:
            raise UnknownElection(cast.election_uuid)
        if (known := history.accepted(cast.tracker)) is not None:
            return TakenIn(sign_receipt(known, self.receipt_key), is_new=False)
        # By what was read, and by no look at the log: neither does Kafka work for whoever comes after the close, nor
        # would a look tell what a producer that waits for its broker may still bring.
        check_window(look.window, now, is_final=history.is_final)
        if not look.is_listed:
            raise UnknownCredential
        return None

    async def _election(self, connection: store.Connection, election_uuid: str) -> OpenElection:
        """Read once: the log fixes it when it opens the election."""
        election = self.elections.get(election_uuid)
        if election is None:
            election = self.elections[election_uuid] = await store.load_election(connection, election_uuid)
        return election
