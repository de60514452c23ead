"""What the holder of a credential is told of its own ballots, and nobody else before the close."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_belenios.errors import BeleniosError
from evote_belenios.groups import group_of_element
from evote_belenios.holder import verify_holding
from evote_belenios.jsontext import parse_exponent
from evote_belenios.proofs import Proof
from evote_eventlog.events import OrderSignature
from evote_platform.clock import Clock
from evote_platform.reads import Reads

from . import store
from .domain.holding import challenge_key, check_challenge, new_challenge
from .domain.refusals import NotTheHolder, UnknownCredential
from .store import OwnBallot


@dataclass(frozen=True)
class Holders:
    """Gives challenges, and answers whoever signs one."""

    reads: Reads
    receipt_key: Ed25519PrivateKey
    clock: Clock

    @cached_property
    def _key(self) -> bytes:
        return challenge_key(self.receipt_key)

    async def challenge(self, election_uuid: str) -> str:
        """A fresh one; raises ``UnknownElection``."""
        async with self.reads.acquire() as connection:
            await store.load_election(connection, election_uuid)
        return new_challenge(self._key, election_uuid, self.clock())

    async def own_ballots(
        self, election_uuid: str, credential: str, challenge: str, signature: OrderSignature
    ) -> list[OwnBallot]:
        """The admitted ballots of a credential whose holder signed the challenge, in their order.

        Raises ``StaleChallenge``, ``NotTheHolder``, ``UnknownElection``, ``UnknownCredential``.
        """
        check_challenge(self._key, election_uuid, challenge, self.clock())
        try:
            order = group_of_element(credential).order
            proof = Proof(
                parse_exponent(signature.challenge, order, "signature.challenge"),
                parse_exponent(signature.response, order, "signature.response"),
            )
            verify_holding(proof, election_uuid=election_uuid, challenge=challenge, credential=credential)
        except BeleniosError:
            raise NotTheHolder from None
        async with self.reads.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            await store.load_election(connection, election_uuid)
            if not await store.has_credential(connection, election_uuid, credential):
                raise UnknownCredential
            return await store.own_ballots(connection, election_uuid, credential)
