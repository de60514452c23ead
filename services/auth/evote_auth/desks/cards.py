"""What officers do about cards: look at cases, decide them, block lost cards and unblock found ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..domain.acts import Act
from ..domain.cases import Case, Decision, decide
from ..domain.matching import RollPerson
from ..domain.refusals import CommandDoneBefore, NotACandidate, UnknownVoter
from ..service import AuthService
from ..vault import cards, cases, elections, roll
from ..vault.cards import Block
from . import acting

MOST_CASES = 200
"""How many pending cases an answer lists, oldest first; it also says how many there are."""


@dataclass(frozen=True)
class ShownCase:
    """A pending case with the voters that come into question."""

    case: Case
    candidates: tuple[RollPerson, ...] = field(repr=False)


@dataclass(frozen=True)
class PendingCases:
    """The oldest pending cases, and how many there are."""

    shown: Sequence[ShownCase]
    pending: int


@dataclass(frozen=True)
class CardDesk:
    """The officers' side of registration at one replica."""

    service: AuthService

    async def pending_cases(self, election_uuid: str) -> PendingCases:
        """The cases that wait, oldest first."""
        async with self.service.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            await elections.load_election(connection, election_uuid)
            pending = await cases.count_pending(connection, election_uuid)
            found = await cases.pending_cases(connection, election_uuid, MOST_CASES)
            refs = [ref for case in found for ref in case.candidates]
            people = await roll.people_of(connection, election_uuid, refs)
        return PendingCases([ShownCase(case, tuple(people[ref] for ref in case.candidates)) for case in found], pending)

    async def decide(self, election_uuid: str, number: str, voter_id: str | None, act: Act) -> Decision:
        """Decide a case, once: whose card it is, or None for nobody's; returns the decision that stands.

        Raises ``UnknownCase``, ``NotACandidate`` or ``CaseDecidedOtherwise``. Of two officers at two replicas the first
        one's decision stands: the case is locked.
        """
        async with self.service.pool.acquire() as connection, connection.transaction():
            await elections.load_election(connection, election_uuid)
            kept = await acting.begin(self.service, connection, election_uuid, act)
            case = await cases.lock_case(connection, election_uuid, number)
            voter_ref = None
            if voter_id is not None:
                try:
                    voter_ref = await roll.voter_ref_of(connection, election_uuid, voter_id)
                except UnknownVoter:
                    raise NotACandidate from None
            decision = decide(case, Decision(voter_ref, act.officer, act.reason, self.service.clock()))
            if case.decision is None:
                await cases.keep_decision(connection, election_uuid, number, decision)
        await acting.publish(self.service, election_uuid, kept)
        return decision

    async def block(self, election_uuid: str, voter_id: str, act: Act) -> Block:
        """Refuse the voter's card from now on, at every replica; returns the block that stands. Safe to repeat.

        A voter who has not come yet has no card here: then any card of theirs goes to an officer first.
        Raises ``UnknownVoter``.
        """
        async with self.service.pool.acquire() as connection, connection.transaction():
            await elections.load_election(connection, election_uuid)
            voter_ref = await roll.voter_ref_of(connection, election_uuid, voter_id)
            kept = await acting.begin(self.service, connection, election_uuid, act)
            # Behind whatever release of this voter is under way.
            await roll.lock_voter(connection, election_uuid, voter_ref)
            bound = await cards.bound_card(connection, election_uuid, voter_ref)
            block = Block(act.officer, act.reason, self.service.clock())
            if not kept.again:
                block = await cards.block_card(
                    connection, election_uuid, voter_ref, bound.pair if bound else None, block
                )
        await acting.publish(self.service, election_uuid, kept)
        if kept.again:
            # Sent again, it must not block a card anew that was unblocked since.
            raise CommandDoneBefore
        return block

    async def unblock(self, election_uuid: str, voter_id: str, act: Act) -> None:
        """Take the voter's cards again. One that another card has replaced meanwhile stays replaced.

        Raises ``UnknownVoter`` or ``NothingBlocked``.
        """
        async with self.service.pool.acquire() as connection, connection.transaction():
            await elections.load_election(connection, election_uuid)
            voter_ref = await roll.voter_ref_of(connection, election_uuid, voter_id)
            kept = await acting.begin(self.service, connection, election_uuid, act)
            if not kept.again:
                await roll.lock_voter(connection, election_uuid, voter_ref)
                lift = Block(act.officer, act.reason, self.service.clock())
                await cards.lift_blocks(connection, election_uuid, voter_ref, lift)
        await acting.publish(self.service, election_uuid, kept)
