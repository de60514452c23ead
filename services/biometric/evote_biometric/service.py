"""A replica of biometric: how it starts and stops, and its commands: enrol, begin and judge a verification, reissue.

The order of writes is the design.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from evote_eventlog.access import topics_of
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.errors import LogUnavailable, ReaderStopped
from evote_eventlog.events import FaceEnrolled, FaceRejected, FaceVerified, TemplateReissued
from evote_eventlog.metrics import ProjectionMetrics, PublishMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.replay import replay_with_bar
from evote_eventlog.topics import TopicWatch
from evote_face.statements import FaceOrder, FacePurpose, FaceVerdict, verify_face_statement
from evote_officers.commands import GivenCommand
from evote_platform.access import Access
from evote_platform.background import background_tasks
from evote_platform.clock import Clock
from evote_platform.database import Schema, database_check
from evote_platform.health import Readiness
from evote_platform.outages import DATABASE_AWAY
from evote_platform.process_metrics import show_pool
from evote_platform.ratelimit import TokenBucket, per_minute
from evote_platform.roster import RosterFile
from evote_platform.starting import pool_when_there
from evote_statements.signed import sign_statement
from prometheus_client import CollectorRegistry

from .domain.actions import choose_actions
from .domain.attempts import ATTEMPTS_PER_ORDER, PHOTOS_PER_ORDER, wait_after
from .domain.copies import Sketch, is_copied
from .domain.likeness import Template, is_enrolled_face, transform, transform_back
from .domain.liveness import require_live, require_plausible_times
from .domain.quality import quality_faults
from .domain.refusals import (
    FaceRefused,
    NonceWrong,
    OrderForOtherPurpose,
    Overloaded,
    PhotoRefused,
    PictureUnreadable,
    RejectionReason,
    TooManyAttempts,
    VerificationExpired,
    VerificationUsed,
)
from .erasure import Eraser
from .inference.pool import READ_WITHIN_S, FacePool, PicturesUnreadable
from .keys import ElectionKey, MasterKey, Randomness, SealedTemplate, new_nonce
from .metrics import FaceMetrics, Operation
from .projection import BiometricProjection, FaceCounts, face_counts
from .settings import BiometricSettings
from .vault import orders, templates
from .vault.commands import use_command
from .vault.elections import election_key, hold_open
from .vault.verifications import (
    SketchedFrame,
    Verification,
    keep_sketches,
    keep_verification,
    note_frames,
    use_verification,
)

SERVICE = "biometric"
SCHEMA = Schema("biometric", Path(__file__).parent / "migrations")
VERIFICATION_LIFETIME = timedelta(minutes=2)
VERDICT_LIFETIME = timedelta(minutes=2)


@dataclass(frozen=True)
class SentBurst:
    """What a voter's browser sends for a verification; it never prints its frames."""

    nonce: str
    times_ms: tuple[int, ...]
    frames: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class BiometricService:
    """A running replica; keeps nothing between requests."""

    pool: asyncpg.Pool
    producer: EventProducer
    faces: FacePool
    metrics: FaceMetrics
    master_key: MasterKey
    order_key: Ed25519PublicKey = field(repr=False)
    verdict_key: Ed25519PrivateKey = field(repr=False)
    likeness_threshold: float
    clock: Clock
    random: Randomness
    access: Access
    address_limit: TokenBucket

    async def enrol(self, order_text: str, photo: bytes) -> FaceOrder:
        """Enrol the face of a photo; returns the order that asked for it.

        Order of writes: the template is committed, then the event is durable, then the answer goes. A crash in between
        leaves a template that no event names; the voter enrols again and replaces it.
        """
        now = self.clock()
        order = self._order(order_text, FacePurpose.ENROL, now)
        async with self.pool.acquire() as connection:
            await orders.begin_attempt(connection, order, PHOTOS_PER_ORDER, now)
        # A crash from here on costs the order one photo of the ten that it may try.
        async with self._given_back_by_our_fault(order):
            template = await self._photographed(photo)
            async with self.pool.acquire() as connection, connection.transaction():
                await hold_open(connection, order.election_uuid)
                await orders.finish_order(connection, order.order_id)
                key = await election_key(connection, order.election_uuid, self.master_key, self.random)
                version = await templates.next_version(connection, order.election_uuid, order.voter_ref)
                await self._keep(connection, key, order.election_uuid, order.voter_ref, version, template)
            # A crash here leaves a template that no event names, and a spent order: the next enrolment replaces it.
            await self.producer.publish(FaceEnrolled(election_uuid=order.election_uuid, voter_ref=order.voter_ref))
        self.metrics.judged(Operation.ENROL, "accepted")
        return order

    async def begin(self, order_text: str) -> Verification:
        """Take one of the order's attempts and say what the voter has to do."""
        now = self.clock()
        order = self._order(order_text, FacePurpose.VERIFY, now)
        async with self.pool.acquire() as connection, connection.transaction():
            await hold_open(connection, order.election_uuid)
            await templates.load_template(connection, order.election_uuid, order.voter_ref)
            tried = await orders.attempts_of(connection, order.election_uuid, order.voter_ref)
            wait = wait_after(tried, now) if tried else timedelta(0)
            if wait:
                raise TooManyAttempts(wait.total_seconds())
            left = await orders.begin_attempt(connection, order, ATTEMPTS_PER_ORDER, now)
            await orders.count_attempt(connection, order.election_uuid, order.voter_ref, now)
            verification = Verification(
                verification_id=self.random(16).hex(),
                order_id=order.order_id,
                election_uuid=order.election_uuid,
                voter_ref=order.voter_ref,
                actions=choose_actions(self.random),
                nonce=self.random(16).hex(),
                attempts_left=left,
                begun_at=now,
                expires_at=now + VERIFICATION_LIFETIME,
                used=False,
            )
            await keep_verification(connection, verification)
        return verification

    async def judge(self, verification_id: str, burst: SentBurst) -> str:
        """Judge a burst; returns the signed verdict when it shows the enrolled face, live.

        Checks go from cheap to dear. The verification is used up whatever follows; a refusal is an event. The verdict
        leaves only after its event is durable.
        """
        now = self.clock()
        async with self.pool.acquire() as connection:
            # Before anything is looked at, so that of two bursts one is judged. A crash from here on leaves the
            # verification spent: the voter begins the order's next attempt.
            verification = await use_verification(connection, verification_id)
        _require_usable(verification, burst.nonce, now)
        async with self._given_back_by_our_fault(verification):
            try:
                await self._require_enrolled_and_live(verification, burst, now)
            except FaceRefused as refused:
                refused.attempts_left = verification.attempts_left
                await self._note_refusal(verification, refused)
                raise
            return await self._give_verdict(verification)

    async def reissue(self, election_uuid: str, voter_ref: str, given: GivenCommand) -> int:
        """Give a voter's template a new transform; returns its version. Nobody has to be photographed.

        The command, sent again, changes nothing more.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            await hold_open(connection, election_uuid)
            version = await templates.next_version(connection, election_uuid, voter_ref)
            sealed = await templates.load_template(connection, election_uuid, voter_ref)
            if await use_command(connection, given):
                key = await election_key(connection, election_uuid, self.master_key, self.random)
                turned = key.open(sealed, election_uuid, voter_ref)
                plain = transform_back(turned, key.transform_seed(voter_ref, sealed.version))
                await self._keep(connection, key, election_uuid, voter_ref, version, plain)
            else:
                version = sealed.version
        # A crash here leaves a new version that no event names; it fits the same face, and the officer, without an
        # answer, sends the command again.
        await self.producer.publish(TemplateReissued(election_uuid=election_uuid, voter_ref=voter_ref))
        return version

    async def counts(self, election_uuid: str) -> FaceCounts:
        """Counts only."""
        async with self.pool.acquire() as connection:
            return await face_counts(connection, election_uuid)

    def _order(self, text: str, purpose: FacePurpose, now: datetime) -> FaceOrder:
        order = verify_face_statement(FaceOrder, text, self.order_key, now)
        if order.purpose is not purpose:
            raise OrderForOtherPurpose
        return order

    async def _photographed(self, photo: bytes) -> Template:
        try:
            (reading,) = await self.faces.read([photo])
        except PicturesUnreadable as unreadable:
            self.metrics.judged(Operation.ENROL, unreadable.fault.value)
            raise PictureUnreadable(unreadable.fault.value) from None
        faults = quality_faults(reading)
        if faults:
            self.metrics.judged(Operation.ENROL, faults[0].value)
            raise PhotoRefused(faults)
        return reading.template

    async def _keep(
        self,
        connection: asyncpg.pool.PoolConnectionProxy,
        key: ElectionKey,
        election_uuid: str,
        voter_ref: str,
        version: int,
        template: Template,
    ) -> None:
        turned = await asyncio.to_thread(transform, template, key.transform_seed(voter_ref, version))
        sealed = key.seal(turned, election_uuid, voter_ref, version, new_nonce(self.random))
        await templates.keep_template(connection, election_uuid, voter_ref, sealed)

    async def _require_enrolled_and_live(self, verification: Verification, burst: SentBurst, now: datetime) -> None:
        require_plausible_times(burst.times_ms, now - verification.begun_at)
        uuid, voter_ref = verification.election_uuid, verification.voter_ref
        async with self.pool.acquire() as connection, connection.transaction():
            await hold_open(connection, uuid)
            key = await election_key(connection, uuid, self.master_key, self.random)
            sealed = await templates.load_template(connection, uuid, voter_ref)
            # Committed before the frames are read: a crash behind it leaves frames that are refused for ever, and a
            # voter who films new ones.
            digests = [key.frame_digest(frame) for frame in burst.frames]
            new = await note_frames(connection, uuid, digests)
        if not new:
            raise FaceRefused(RejectionReason.REPLAYED)
        try:
            readings = await self.faces.read(burst.frames)
        except PicturesUnreadable as unreadable:
            raise PictureUnreadable(unreadable.fault.value) from None
        sketches = {digest: found.sketch for digest, found in zip(digests, readings, strict=True) if found.faces}
        # Before the burst is judged: frames of a refused one must not come again either. A crash behind it changes
        # nothing for the voter, whose next burst is a new one.
        earlier = await self._keep_sketches(key, verification, sketches)
        probes = require_live(readings, verification.actions, self.likeness_threshold)
        if await asyncio.to_thread(is_copied, tuple(sketches.values()), earlier):
            raise FaceRefused(RejectionReason.REPLAYED)
        if not await asyncio.to_thread(self._is_enrolled, key, sealed, verification, probes):
            raise FaceRefused(RejectionReason.NOT_THE_ENROLLED_FACE)

    async def _keep_sketches(
        self, key: ElectionKey, verification: Verification, sketches: Mapping[bytes, Sketch]
    ) -> list[Sketch]:
        """Keep those of a burst, by its frames' digests; returns those of the voter's earlier bursts."""
        uuid, voter_ref = verification.election_uuid, verification.voter_ref
        sealed = [
            SketchedFrame(digest, key.seal_sketch(sketch, uuid, voter_ref, digest, new_nonce(self.random)))
            for digest, sketch in sketches.items()
        ]
        async with self.pool.acquire() as connection, connection.transaction():
            await hold_open(connection, uuid)
            earlier = await keep_sketches(connection, uuid, voter_ref, sealed)
        return [key.open_sketch(frame.sealed_sketch, uuid, voter_ref, frame.digest) for frame in earlier]

    def _is_enrolled(
        self,
        key: ElectionKey,
        sealed: SealedTemplate,
        verification: Verification,
        probes: Sequence[Template],
    ) -> bool:
        """Compared as it is stored: the probes are turned by the same transform, the template is never turned back."""
        enrolled = key.open(sealed, verification.election_uuid, verification.voter_ref)
        seed = key.transform_seed(verification.voter_ref, sealed.version)
        return is_enrolled_face([transform(probe, seed) for probe in probes], enrolled, self.likeness_threshold)

    async def _note_refusal(self, verification: Verification, refused: FaceRefused) -> None:
        self.metrics.judged(Operation.VERIFY, refused.reason.value)
        await self.producer.publish(
            FaceRejected(
                election_uuid=verification.election_uuid,
                voter_ref=verification.voter_ref,
                reason=refused.reason.value,
            )
        )

    async def _give_verdict(self, verification: Verification) -> str:
        now = self.clock()
        async with self.pool.acquire() as connection, connection.transaction():
            # Before event and verdict, so that no order gives two verdicts. A crash behind the commit leaves the order
            # done without a verdict: the voter needs a new order of auth.
            device_key = await orders.finish_order(connection, verification.order_id)
            await orders.forget_attempts(connection, verification.election_uuid, verification.voter_ref)
        assert device_key is not None  # noqa: S101 - an order to verify names one, and has begun this verification
        verdict = FaceVerdict(
            election_uuid=verification.election_uuid,
            voter_ref=verification.voter_ref,
            issued_at=now,
            expires_at=now + VERDICT_LIFETIME,
            order_id=verification.order_id,
            verdict_id=self.random(16).hex(),
            # The order's: the verdict is for the device that auth gave the order to.
            device_key=device_key,
        )
        # A crash behind the event leaves a verdict on record that nobody holds: nothing is released for it.
        await self.producer.publish(
            FaceVerified(
                election_uuid=verdict.election_uuid, voter_ref=verdict.voter_ref, verdict_id=verdict.verdict_id
            )
        )
        self.metrics.judged(Operation.VERIFY, "accepted")
        return sign_statement(verdict, self.verdict_key)

    @asynccontextmanager
    async def _given_back_by_our_fault(self, order: FaceOrder | Verification) -> AsyncIterator[None]:
        """What fails for want of a worker, the log or the database costs no attempt: nothing has left this service.

        A commit that is reported as failed may have landed: the order is made usable again, whether it did or not.
        """
        try:
            yield
        except (Overloaded, LogUnavailable, OSError, *DATABASE_AWAY):
            async with self.pool.acquire() as connection:
                await orders.give_back_attempt(connection, order)
            raise


@asynccontextmanager
async def running(
    settings: BiometricSettings,
    roster: RosterFile,
    worker: Sequence[str],
    readiness: Readiness,
    registry: CollectorRegistry,
    clock: Clock,
) -> AsyncIterator[BiometricService]:
    """The replica runs while the block does; ``worker`` is the command of a process that reads faces."""
    kafka, metrics = settings.kafka(), FaceMetrics(registry)
    async with pool_when_there(settings.database_url, SCHEMA, readiness, max_size=settings.database_pool_size) as pool:
        show_pool(pool, registry)
        producer = EventProducer(kafka, SERVICE, clock, metrics=PublishMetrics(registry))
        runner = ProjectionRunner(kafka, pool, BiometricProjection(), producer, ProjectionMetrics(registry))
        faces = FacePool(worker, settings.workers, settings.queue_length, metrics, read_within_s=READ_WITHIN_S)
        readiness.watch("database", database_check(pool))
        readiness.watch("kafka", producer.check)
        readiness.watch("projection", runner.caught_up)
        readiness.register("roster", roster.check)
        readiness.register("face-workers", faces.check)
        await producer.start()
        try:
            async with background_tasks(readiness, stopping=ReaderStopped) as tasks:
                tasks.start("topics", TopicWatch(settings.kafka(), topics_of(SERVICE), registry).run())
                tasks.start("projection", runner.run())
                tasks.start("face-workers", faces.run())
                tasks.start("erasure", Eraser(pool, producer).run())
                yield BiometricService(
                    pool=pool,
                    producer=producer,
                    faces=faces,
                    metrics=metrics,
                    master_key=settings.master_key(),
                    order_key=settings.order_key(),
                    verdict_key=settings.verdict_key(),
                    likeness_threshold=settings.likeness_threshold,
                    clock=clock,
                    random=secrets.token_bytes,
                    access=Access(SERVICE, roster, clock),
                    address_limit=per_minute(settings.address_requests_per_minute),
                )
        finally:
            await producer.stop()


async def replay(settings: BiometricSettings, pool: asyncpg.Pool) -> None:
    """Empty the projection and make it again from the event log."""
    await replay_with_bar(settings.kafka(), pool, BiometricProjection())


def _require_usable(verification: Verification, nonce: str, now: datetime) -> None:
    if verification.used:
        raise VerificationUsed
    if now > verification.expires_at:
        raise VerificationExpired(verification.expires_at)
    if not hmac.compare_digest(nonce.encode(), verification.nonce.encode()):
        raise NonceWrong
