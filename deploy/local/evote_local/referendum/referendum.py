"""A mock referendum from the draft to the certified result, as its people would hold it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx
from evote_jpki.authority import Person, generate_card_keys
from evote_platform.publication import to_the_minute

from ..people.log_lookup import PublicLog
from ..people.officers import ANSWERS, BLANK, Officers
from ..people.residents import make_residents, roll_csv
from ..people.trustees import LocalTrustee, confirm_setup, make_keys
from ..people.voters import SIGNATURE_PASSWORD, USER_PIN, Answering, Cast, PollingDay, Voter, open_client
from ..stack.identities import OFFICER_PASSWORD
from ..stack.platform import Platform

THRESHOLD, TRUSTEES = 2, 3
OVERWRITING_SHARE = 0.3
_VOTERS_AT_ONCE = 8
# Making RSA keys for thousands of cards takes minutes: cards of a simulation share a few pairs.
_CARD_KEY_PAIRS = 20
_FOLLOWED = 200
"""About so many ballots are asked for until they are anchored; among few voters, one in 20."""
_WINDOW = timedelta(hours=12)
CHOICES = {ANSWERS[0]: [0, 1, 0], ANSWERS[1]: [0, 0, 1], BLANK: [1, 0, 0]}
WEIGHTS = (52, 40, 8)


@dataclass(frozen=True)
class Visit:
    """A voter goes to vote for the ``choice`` of that label."""

    voter: Voter
    choice: str


class Referendum:
    """One election on a running platform. Steps are called in the order in which they stand here."""

    def __init__(
        self,
        stack: Platform,
        client: httpx.AsyncClient,
        *,
        directory: Path,
        group: str,
        voters: int,
        seed: int,
        window: timedelta = _WINDOW,
    ) -> None:
        """``seed`` decides the people, their choices and the order of their visits; never a key.

        Polls are open for ``window`` from the minute before the draft, unless :meth:`close_and_count` ends them.
        """
        self._stack = stack
        self._client = client
        self._directory = directory
        self._group = group
        self._window = window
        self._random = Random(seed)  # noqa: S311 - simulated people, no secrets
        self._residents = make_residents(voters, self._random)
        self.officers = Officers(
            client,
            tally_url=stack.tally.url,
            auth_url=stack.auth.url,
            staff=stack.identities.staff,
        )
        self.trustees: list[LocalTrustee] = []
        self.closes_at: datetime | None = None
        """The hour of the close, once there is a draft."""
        self.voters: list[Voter] = []
        self.in_browser: list[Visit] = []
        """Who vote on the page itself, once each, and not as :meth:`plan_visits` says."""

    async def prepare(self, before_freeze: Callable[[str], Awaitable[None]] | None = None) -> None:
        """Make the trustees' keys, draft, hold the key ceremony, import and freeze the roll, confirm, and open.

        Args:
            before_freeze: what else is done for this election, by its id, as making its key where auth has a token.
        """
        kato = self._stack.identities.staff.kato
        self.trustees = [
            LocalTrustee(
                number,
                tally_url=self.officers.tally_url,
                log_url=self._stack.ledger_anchor.url,
                policy_file=self._stack.vouching.policy_file,
                auditor=kato.officer,
                auditor_key=(self._stack.identities.officer_key_files[kato.identifier], OFFICER_PASSWORD),
                directory=self._directory / "trustees",
            )
            for number in range(1, TRUSTEES + 1)
        ]
        opens_at = to_the_minute(datetime.now(UTC)) - timedelta(minutes=1)
        self.closes_at = opens_at + self._window
        await self.officers.draft(
            group=self._group,
            trustees=self.trustees,
            threshold=THRESHOLD,
            opens_at=opens_at,
            closes_at=self.closes_at,
        )
        await asyncio.to_thread(make_keys, self.trustees, self.officers.election_uuid)
        if before_freeze:
            await before_freeze(self.officers.election_uuid)
        await self.officers.import_and_freeze_roll(roll_csv(self._residents), len(self._residents))
        await asyncio.to_thread(confirm_setup, self.trustees, self.officers.election_uuid)
        await self.officers.open()

    def issue_cards(self, step: Callable[[], None], most: int | None = None) -> None:
        """The authority issues a card to every resident, or to the first of them."""
        key_pairs = [generate_card_keys() for _ in range(min(_CARD_KEY_PAIRS, len(self._residents)))]
        for number, resident in enumerate(self._residents[:most]):
            person = Person(resident.name, resident.address, resident.birth_date, resident.sex)
            card = self._stack.authority.issue_card(
                person, key_pairs[number % len(key_pairs)], pin=USER_PIN, password=SIGNATURE_PASSWORD
            )
            self.voters.append(Voter(number, card))
            step()

    async def send_letters(self, count: int, photograph: bytes, biometric_url: str) -> None:
        """Let the last ``count`` voters come by code and face.

        At the counter ``photograph`` is enrolled as the face of each: the simulation knows one. Then the letters with
        their codes are sent.
        """
        late = self.voters[len(self.voters) - count :]
        for voter in late:
            await self.officers.enrol_face(self.voter_id(voter.number), photograph, biometric_url)
        codes = await self.officers.voting_codes()
        for voter in late:
            voter.code = codes[self.voter_id(voter.number)]

    def name_of(self, voter: int) -> str:
        """As it stands on the roll and on the voter's card."""
        return self._residents[voter].name

    def voter_id(self, voter: int) -> str:
        """The number on the roll, by which officers know a voter."""
        return self._residents[voter].voter_id

    def seat_at_readers(self, reader: Answering, most: int) -> int:
        """Let up to ``most`` of the voters use a card reader and its agent; returns how many do."""
        seated = self.voters[:most]
        for voter in seated:
            voter.reader = reader
        return len(seated)

    def seat_before_browser(self, most: int) -> None:
        """Let up to ``most`` of the voters, and never more than a tenth, vote on the page."""
        count = min(most, len(self.voters) // 10)
        self.in_browser = [self._visit(voter) for voter in self.voters[len(self.voters) - count :]]

    async def open_polls(self, executor: Executor) -> PollingDay:
        """Read the election's text, as every voter's device does, and let voters in."""
        return PollingDay(
            election_json=await self.officers.text("election.json"),
            auth_url=self._stack.auth.url,
            ballot_urls=[service.url for service in self._stack.ballots],
            log=PublicLog(self._stack.ledger_anchor.url, self._stack.identities.log_key),
            executor=executor,
            random=self._random,
        )

    def plan_visits(self) -> list[Visit]:
        """Everyone votes once and a share of them again later, in random order."""
        voters = self.voters[: len(self.voters) - len(self.in_browser)]
        firsts = [self._visit(voter) for voter in voters]
        again = self._random.sample(voters, round(OVERWRITING_SHARE * len(voters)))
        self._random.shuffle(firsts)
        return firsts + [self._visit(voter) for voter in again]

    async def vote(self, polls: PollingDay, visits: Sequence[Visit], step: Callable[[], None]) -> None:
        """Let voters in, a few at once, in the planned order; each has a connection of their own."""
        queue = iter(enumerate(visits))
        one_in = max(20, len(visits) // _FOLLOWED)
        # A voter's second visit starts after the first has ended, or it wouldn't be the later ballot.
        busy = {voter.number: asyncio.Lock() for voter in self.voters}

        async def follow(cast: Cast) -> None:
            async with open_client() as client:
                await polls.wait_until_anchored(cast, client)

        async def booth() -> None:
            for number, visit in queue:
                async with busy[visit.voter.number], open_client() as client:
                    if visit.voter.credential is None:
                        await polls.obtain_credential(visit.voter, client)
                    cast = await polls.cast(visit.voter, visit.choice, [CHOICES[visit.choice]], client)
                    if number % one_in == 0:
                        booths.create_task(follow(cast))
                        await polls.wait_until_logged(cast, client)
                step()

        async with asyncio.TaskGroup() as booths:
            for _ in range(_VOTERS_AT_ONCE):
                booths.create_task(booth())

    def expected_result(self) -> list[int]:
        """What the count must give: each voter's last choice, in the order of the ciphertexts."""
        last = Counter(voter.casts[-1].choice for voter in self.voters if voter.casts)
        last.update(visit.choice for visit in self.in_browser)
        return [last[BLANK], *(last[answer] for answer in ANSWERS)]

    async def close_and_count(self) -> list[int]:
        """Close before the hour, and :meth:`count`."""
        await self.officers.close()
        return await self.count()

    async def count(self) -> list[int]:
        """Once it is closed: have ``THRESHOLD`` trustees decrypt, certify, and return the result's counts."""
        await self.officers.wait_for(["tallied"])
        archive = self._directory / "for-trustees.bel"
        await self.officers.download_archive(archive)
        async with asyncio.TaskGroup() as decrypting:
            for trustee in self._random.sample(self.trustees, THRESHOLD):
                decrypting.create_task(asyncio.to_thread(trustee.decrypt, archive))
        await self.officers.wait_for(["decrypted"])
        await self.officers.certify(self._directory / "to-certify.bel")
        return await self.officers.result()

    def _visit(self, voter: Voter) -> Visit:
        return Visit(voter, self._random.choices((*ANSWERS, BLANK), WEIGHTS)[0])
