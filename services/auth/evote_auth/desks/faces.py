"""What officers do about faces: issue voting codes for letters, make one anew, order a face to be enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from evote_face.statements import FaceOrder

from ..domain.acts import Act
from ..domain.faces import ORDER_ID_BYTES, ByOfficer, enrolment_order
from ..domain.refusals import NoSuchIssue, VotingCodesIssued
from ..domain.voting_codes import CodeOrigin, KeptCode, VotingCode, new_voting_code
from ..service import AuthService
from ..vault import face_orders, roll, voting_codes
from ..vault.voting_codes import Issue


@dataclass(frozen=True)
class Letter:
    """What goes into one voter's letter; it doesn't print."""

    voter_ref: str
    voter_id: str = field(repr=False)
    code: VotingCode = field(repr=False)


@dataclass(frozen=True)
class IssuedCodes:
    """The codes of one issue, in the order of the voters' numbers. They exist nowhere else."""

    issue: int
    letters: Sequence[Letter] = field(repr=False)


@dataclass(frozen=True)
class FaceDesk:
    """The officers' side of the face way at one replica."""

    service: AuthService

    async def issue_codes(self, election_uuid: str, replaces: int | None, act: Act) -> IssuedCodes:
        """New codes for all voters but those who got one with their card; earlier letters are void.

        Committed before anything is sent: a download that breaks off leaves codes that nobody knows, and the next issue
        replaces them.

        Args:
            replaces: the number of the issue that this one replaces, so that nobody voids letters by chance.

        Raises ``VotingCodesIssued`` or ``NoSuchIssue``.
        """
        self.service.require_face_keys()
        now, keys = self.service.clock(), self.service.releasing.keys
        async with self.service.pool.acquire() as connection, connection.transaction():
            await self.service.open_to_voters(connection, election_uuid)
            last = await voting_codes.last_issue(connection, election_uuid)
            issue = _next_issue(last, replaces, now)
            voters = await voting_codes.voters_of_an_issue(connection, election_uuid)

            letters = [Letter(ref, voter_id, new_voting_code(self.service.random)) for ref, voter_id in voters]
            digests = await keys.voting_code_digests(election_uuid, [letter.code for letter in letters])
            kept = [(letter.voter_ref, digest) for letter, digest in zip(letters, digests, strict=True)]
            await voting_codes.keep_letters(connection, election_uuid, kept, now)
            await face_orders.withdraw_verifications(connection, election_uuid, [ref for ref, _ in voters])
            await voting_codes.keep_issue(connection, election_uuid, issue, act.officer, act.reason)
        return IssuedCodes(issue.number, letters)

    async def reissue_code(self, election_uuid: str, voter_id: str, act: Act) -> VotingCode:
        """A new code for one voter; the old one, and what was begun with it, is void at once.

        Raises ``UnknownVoter``.
        """
        self.service.require_face_keys()
        code = new_voting_code(self.service.random)
        async with self.service.pool.acquire() as connection, connection.transaction():
            await self.service.open_to_voters(connection, election_uuid)
            (digest,) = await self.service.releasing.keys.voting_code_digests(election_uuid, [code])
            voter_ref = await roll.voter_ref_of(connection, election_uuid, voter_id)
            await roll.lock_voter(connection, election_uuid, voter_ref)
            kept = KeptCode(voter_ref, CodeOrigin.OFFICER, self.service.clock(), act.officer, act.reason)
            await voting_codes.keep_code(connection, election_uuid, digest, kept)
            await face_orders.withdraw_verifications(connection, election_uuid, [voter_ref])
        return code

    async def order_enrolment(self, election_uuid: str, voter_id: str, act: Act) -> FaceOrder:
        """An order to enrol the face of a voter whom the officer sees at the counter. Raises ``UnknownVoter``."""
        self.service.require_face_keys()
        async with self.service.pool.acquire() as connection, connection.transaction():
            await self.service.open_to_voters(connection, election_uuid)
            voter_ref = await roll.voter_ref_of(connection, election_uuid, voter_id)
            order_id = self.service.random(ORDER_ID_BYTES).hex()
            order = enrolment_order(order_id, election_uuid, voter_ref, self.service.clock())
            await face_orders.keep_order(connection, order, ByOfficer(act.officer, act.reason))
        return order


def _next_issue(last: Issue | None, replaces: int | None, now: datetime) -> Issue:
    if replaces is not None and (last is None or last.number < replaces):
        raise NoSuchIssue
    if last is not None and last.number != replaces:
        raise VotingCodesIssued(last.number, last.issued_at)
    return Issue(last.number + 1 if last else 1, now)
