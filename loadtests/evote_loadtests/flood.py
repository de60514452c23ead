"""A flood beside honest voters: what costs its sender little, and is refused by each of the services' checks in turn.

Bytes that are nothing, ballots of a stranger's key, ballots of a real credential with one proof that doesn't hold,
ballots of others once more, and voting codes that nobody has.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Final

import httpx
from evote_belenios.ballots import tracker_of
from evote_belenios.credentials import generate, secret_exponent
from evote_belenios.jsontext import dump
from evote_belenios.order import OrderStatement, sign_order
from evote_belenios.proofs import prove_knowledge
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.target import Target
from evote_local.people.voters import PollingDay, Voter, VoterRefused, open_client

from .crowd import Sample, choose

BYTES, STRANGER, BAD_PROOF, REPLAY, CODE = (
    "junk: bytes",
    "junk: a stranger's ballot",
    "junk: a proof that doesn't hold",
    "junk: a ballot of somebody else's again",
    "junk: a voting code that nobody has",
)
_ANSWERS: Final[Mapping[str, frozenset[int]]] = {
    BYTES: frozenset({400, 413, 422}),
    STRANGER: frozenset({403}),
    BAD_PROOF: frozenset({422}),
    # The receipt that it has already, unless its voter has cast a newer one since.
    REPLAY: frozenset({200, 409}),
    CODE: frozenset({403}),
}
"""What each may be answered, beside :data:`_ANY`: a ballot that is taken as a new one is a fault of the platform."""
_ANY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_FAR_AHEAD: Final = 1000
"""A number above any voter's last: refused ballots take none up, and no cheaper check than the proofs' refuses it."""
_CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_CHARACTERS: Final = 15


@dataclass(frozen=True)
class Flood:
    """Whoever sends it: with the addresses, a list of who has voted, and credentials of voters who join in."""

    target: Target
    polls: PollingDay
    voters: Sequence[Voter]
    random: Random
    tell: Callable[[Sample], None]

    async def throw(self) -> None:
        """One piece of any kind; it never raises."""
        kind = self.random.choice(list(_ANSWERS))
        started = time.perf_counter()
        try:
            made = await self._make(kind)
            if made is None:
                kind, made = BYTES, (self._box(), secrets.token_bytes(2000))
            url, content = made
            async with open_client() as client:
                started = time.perf_counter()  # what was made of it before is the sender's own work
                answer = await client.post(url, content=content, headers={"Content-Type": "application/json"})
            if answer.status_code not in _ANSWERS[kind] | _ANY:
                raise VoterRefused(answer.status_code, answer.text)
        except (httpx.HTTPError, VoterRefused) as error:
            self.tell(Sample.of_fault(kind, time.perf_counter() - started, error))
        else:
            self.tell(Sample(kind, time.perf_counter() - started))

    async def _make(self, kind: str) -> tuple[str, str | bytes] | None:
        """Where it goes and what it is; None while there is nothing to make it of."""
        if kind == STRANGER:
            key = generate(self.polls.election.group, secrets.token_bytes)
            return self._box(), self._cast(await self._ballot(key), key, 1)
        if kind == CODE:
            return self._code()
        holders = [voter for voter in self.voters if voter.casts and voter.credential is not None]
        if not holders or kind == BYTES:
            return None
        holder = self.random.choice(holders)
        if kind == REPLAY:
            cast = holder.casts[-1]
            return self._box(), _body(cast.ballot, cast.order)
        assert holder.credential is not None  # noqa: S101 - one of the holders
        return self._box(), self._cast(await self._unproven(holder.credential), holder.credential, _FAR_AHEAD)

    async def _ballot(self, credential: str) -> str:
        somebody = Voter(-1, self.voters[0].card, credential=credential)
        return await self.polls.encrypt(somebody, choose(self.target, self.random)[1])

    async def _unproven(self, credential: str) -> str:
        """A ballot that the credential has signed, with another response in one proof."""
        election = self.polls.election
        unsigned = json.loads(await self._ballot(credential))
        del unsigned["signature"]
        proof = unsigned["answers"][0]["overall_proof"][0]
        proof["response"] = str((int(proof["response"]) + 1) % election.group.order)
        digest = tracker_of(dump(unsigned))
        secret = secret_exponent(credential, election.uuid, election.group)
        signature = prove_knowledge(election.group, secret, f"sig|{digest}|", secrets.token_bytes)
        return dump({**unsigned, "signature": {"hash": digest, "proof": signature.to_json()}})

    def _cast(self, ballot: str, credential: str, number: int) -> str:
        uuid, group = self.polls.election.uuid, self.polls.election.group
        return _body(ballot, sign_order(credential, uuid, group, tracker_of(ballot), number, secrets.token_bytes))

    def _box(self) -> str:
        return f"{self.random.choice(self.target.ballot_urls)}/elections/{self.target.election}/ballots"

    def _code(self) -> tuple[str, str] | None:
        if not self.target.code_key:
            return None
        code, key = unknown_code(self.random), self.target.voting_code_key()
        asked = DeviceOccasion(self.target.election).order_request(code, key)
        return f"{self.target.auth_url}/elections/{self.target.election}/face-orders", json.dumps(asked)


def unknown_code(random: Random) -> str:
    """A voting code as letters have them, check character and all: one in 2^75 is somebody's."""
    digits = [random.randrange(32) for _ in range(_CODE_CHARACTERS)]
    check = 0
    for digit in digits:
        check = _double(check) ^ digit
    return "".join(_CODE_ALPHABET[digit] for digit in [*digits, _double(check)])


def _double(element: int) -> int:
    """In GF(32) modulo x⁵ + x² + 1, as auth checks it."""
    return element << 1 ^ (0b100101 if element & 16 else 0)


def _body(ballot: str, order: OrderStatement) -> str:
    return json.dumps({"ballot": ballot, "order": order.to_json()})
