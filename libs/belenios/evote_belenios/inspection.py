"""A ballot checked step by step, for who wants to know in which step it failed, and what it names by then.

The steps together are :func:`evote_belenios.ballots.parse_ballot` and ``verify_ballot``, with the same errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .ballots import Ballot, parse_ballot, refused, verify_election_binding, verify_proofs, verify_signature
from .election import Election

if TYPE_CHECKING:
    from evote_belenios_core import Ballot as CompiledBallot
    from evote_belenios_core import Refusal


class Inspection(Protocol):
    """A ballot whose structure and encodings are right; each step raises ``BallotError``."""

    @property
    def ciphertext_digests(self) -> tuple[str, ...]:
        """SHA-256 (hex) of each ciphertext."""

    def verify_binding(self) -> None:
        """The ballot is for this election."""

    def verify_signature(self) -> None:
        """The credential signed this content."""

    def verify_proofs(self) -> None:
        """Every answer encrypts an allowed choice."""


def inspect_ballot(election: Election, text: str) -> Inspection:
    """Read a ballot strictly; raises as ``parse_ballot``, which reads what the core can't."""
    compiled = None if election.compiled is None else election.compiled.read(text)
    if compiled is None:
        return _ByReference(election, parse_ballot(election, text))
    return _ByCore(election, compiled)


class _ByReference:
    def __init__(self, election: Election, ballot: Ballot) -> None:
        self._election, self._ballot = election, ballot

    @property
    def ciphertext_digests(self) -> tuple[str, ...]:
        return self._ballot.ciphertext_digests

    def verify_binding(self) -> None:
        verify_election_binding(self._election, self._ballot)

    def verify_signature(self) -> None:
        verify_signature(self._election, self._ballot)

    def verify_proofs(self) -> None:
        verify_proofs(self._election, self._ballot)


class _ByCore:
    def __init__(self, election: Election, ballot: CompiledBallot) -> None:
        self._election, self._ballot = election, ballot

    @property
    def ciphertext_digests(self) -> tuple[str, ...]:
        return tuple(digest.hex() for digest in self._ballot.digests)

    def verify_binding(self) -> None:
        self._demand(self._ballot.check_binding())

    def verify_signature(self) -> None:
        self._demand(self._ballot.check_signature())

    def verify_proofs(self) -> None:
        self._demand(self._ballot.check_proofs())

    def _demand(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            raise refused(self._election, *refusal)
