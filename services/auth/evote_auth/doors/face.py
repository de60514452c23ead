"""Voters who vote by face: an order for a voting code, a voting code for a card, and a credential for a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from evote_device.keys import DeviceKey
from evote_device.sealing import Contents, seal, unseal_typed_code
from evote_eventlog.events import VoterAuthenticated
from evote_face.statements import FaceOrder, FaceVerdict, verify_face_statement
from evote_platform.clock import rfc3339
from evote_platform.door import Turn

from ..domain.face_evidence import face_evidence
from ..domain.faces import (
    ORDER_ID_BYTES,
    ORDERS_WITHIN,
    AskedByFace,
    ByCard,
    KeptOrder,
    check_orders_so_far,
    check_verdict,
    enrolment_order,
    verification_order,
)
from ..domain.refusals import VotingCodeUnknown
from ..domain.release import AskedByCard, request_sha256
from ..domain.voting_codes import CodeOrigin, KeptCode, delay_after, new_voting_code, parse_voting_code
from ..metrics import Way
from ..releasing import PreparedRelease
from ..service import AuthService
from ..vault import Connection, face_orders, roll, voting_codes
from ..vault.elections import KnownElection
from .admission import AdmittedVoter, admit


@dataclass(frozen=True)
class EnrolmentByCard:
    """What a voter gets who authenticated by card: an order for the face, and the code to vote with it later."""

    order: FaceOrder
    sealed_code: str = field(repr=False)
    """To the device that asked."""


@dataclass(frozen=True)
class FaceDoor:
    """The face's way in at one replica."""

    service: AuthService

    async def order_verification(self, election_uuid: str, sealed: str, device_key: DeviceKey) -> FaceOrder:
        """An order to verify the face of the voter whose voting code this is, for the device that sealed it.

        Raises ``SealBroken`` or ``VotingCodeMistyped`` before anything is asked, ``VotingCodeUnknown`` or
        ``TooManyFaceOrders``.
        """
        keys = self.service.require_face_keys()
        # Sealed for this key of a device: else whoever ends TLS could read the code, get an order for a device of their
        # own with it, and have biometric judge the voter's frames for that.
        code = parse_voting_code(unseal_typed_code(sealed, keys.code_key, election_uuid, device_key))
        async with self.service.pool.acquire() as connection:
            await self.service.open_to_voters(connection, election_uuid)
            (digest,) = await self.service.releasing.keys.voting_code_digests(election_uuid, [code])
            wrong = await voting_codes.wrong_codes(connection, election_uuid, self.service.clock())
        await self.service.sleep(delay_after(wrong).total_seconds())
        now = self.service.clock()
        async with self.service.pool.acquire() as connection:
            kept = await voting_codes.code_of_digest(connection, election_uuid, digest)
            if kept is None:
                await voting_codes.count_wrong_code(connection, election_uuid, now)
                raise VotingCodeUnknown
            async with connection.transaction():
                await roll.lock_voter(connection, election_uuid, kept.voter_ref)
                await voting_codes.hold_issues(connection, election_uuid)
                if await voting_codes.code_of_digest(connection, election_uuid, digest) != kept:
                    # Replaced since it was looked up, and with it every order that was given for it.
                    raise VotingCodeUnknown
                given = await face_orders.verifications_since(
                    connection, election_uuid, kept.voter_ref, now - ORDERS_WITHIN
                )
                check_orders_so_far(given, now)
                order_id = self.service.random(ORDER_ID_BYTES).hex()
                order = verification_order(order_id, election_uuid, kept.voter_ref, device_key, now)
                await face_orders.keep_order(connection, order, kept)
        return order

    async def enrol_by_card(self, election_uuid: str, asked: AskedByCard, turn: Turn) -> EnrolmentByCard:
        """Authenticate by card as for a release; the new code takes the place of any other that the voter had."""
        self.service.require_face_keys()
        return await admit(self.service, election_uuid, asked, turn, self._enrol)

    async def release(self, election_uuid: str, asked: AskedByFace) -> str:
        """Check biometric's signed verdict and return the voter's private credential, sealed to the order's device.

        The writes: see ``releasing``.

        Raises a ``StatementRefused``, ``FaceOrderUnknown``, or what ``domain.faces.check_verdict`` raises.
        """
        keys = self.service.require_face_keys()
        now = self.service.clock()
        async with self.service.pool.acquire() as connection:
            election = await self.service.open_to_voters(connection, election_uuid)
        verdict = verify_face_statement(FaceVerdict, asked.verdict, keys.verdict_key, now)
        async with self.service.pool.acquire() as connection, connection.transaction():
            order = await face_orders.lock_verification(connection, verdict.order_id)
            check_verdict(verdict, order, asked, election_uuid, now)
            # Used up together with the evidence: a verdict is good for one request at all replicas. A crash behind the
            # commit leaves both without a release, and the same request makes it.
            await face_orders.use_order(connection, order.order_id, request_sha256(asked.device_request))
            prepared = await self._prepare_release(connection, election, order, asked, rfc3339(now))
        return await self.service.releasing.publish(prepared, Way.FACE)

    async def _prepare_release(
        self, connection: Connection, election: KnownElection, order: KeptOrder, asked: AskedByFace, released_at: str
    ) -> PreparedRelease:
        credential = await self.service.releasing.credential(election, order.voter_ref)
        plain = face_evidence(
            asked.verdict,
            asked.device_request,
            election_uuid=election.uuid,
            voter_ref=order.voter_ref,
            credential=credential.public,
            released_at=released_at,
            second_factor=order.second_factor,
            enrolments=await face_orders.enrolments_of(connection, election.uuid, order.voter_ref),
        )
        authenticated = VoterAuthenticated(election_uuid=election.uuid, voter_ref=order.voter_ref, method="face")
        return await self.service.releasing.prepare(connection, authenticated, credential, plain, order.occasion)

    async def _enrol(self, connection: Connection, voter: AdmittedVoter) -> EnrolmentByCard:
        attempt, voter_ref = voter.attempt, voter.found.voter_ref
        uuid = attempt.election.uuid
        code = new_voting_code(self.service.random)
        (digest,) = await self.service.releasing.keys.voting_code_digests(uuid, [code])
        await voting_codes.keep_code(connection, uuid, digest, KeptCode(voter_ref, CodeOrigin.CARD, attempt.now))
        await face_orders.withdraw_verifications(connection, uuid, [voter_ref])
        order_id = self.service.random(ORDER_ID_BYTES).hex()
        order = enrolment_order(order_id, uuid, voter_ref, attempt.now)
        await face_orders.keep_order(connection, order, ByCard())
        return EnrolmentByCard(order, seal(Contents.VOTING_CODE, code.shown, attempt.challenge.occasion))
