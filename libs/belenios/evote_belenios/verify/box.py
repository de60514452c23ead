"""The ballot box: whose ballots there are, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass

from ..election import Election
from ..errors import BallotError, CredentialError
from ..tally import BallotCiphertexts, EncryptedTallyAccumulator
from .workers import BallotFacts

_BALLOTS, _CREDENTIALS = "Ballots", "Credentials"


@dataclass(slots=True)
class _Voter:
    weight: int
    last_ballot: BallotCiphertexts | None = None


class BallotBox:
    """What must hold between ballots, and between them and the list of credentials.

    It keeps the ciphertexts of each credential's last ballot and a hash of every one: memory grows with the voters.
    """

    def __init__(self) -> None:
        self._voters: dict[str, _Voter] = {}
        self._trackers: set[str] = set()
        self._digests: set[bytes] = set()
        self.counted = 0

    @property
    def voters(self) -> int:
        """Credentials on the list."""
        return len(self._voters)

    @property
    def ballots(self) -> int:
        """Ballots in the box, superseded ones included."""
        return len(self._trackers)

    def admit(self, credential: str, weight: int) -> None:
        """Put a credential on the list; raises ``CredentialError`` (``credential-duplicate``)."""
        if credential in self._voters:
            raise CredentialError("credential-duplicate", _CREDENTIALS, "a public credential stands twice on the list")
        self._voters[credential] = _Voter(weight)

    def add(self, ballot: BallotFacts) -> None:
        """Put in a ballot, which replaces its credential's earlier one.

        Raises ``BallotError``: ``ballot-credential``; ``ballot-duplicate`` (who repeats an earlier ballot of a voter
        undoes their later one); ``ballot-copied-ciphertext`` (who copies a ciphertext copies a vote).
        """
        voter = self._voters.get(ballot.credential)
        if voter is None:
            raise BallotError("ballot-credential", _BALLOTS, "the credential is not on the list")
        if ballot.tracker in self._trackers:
            raise BallotError("ballot-duplicate", _BALLOTS, "the same ballot was cast before")
        digests = set(ballot.digests)
        if len(digests) < len(ballot.digests) or not digests.isdisjoint(self._digests):
            raise BallotError("ballot-copied-ciphertext", _BALLOTS, "a ciphertext was used before")
        self._trackers.add(ballot.tracker)
        self._digests |= digests
        self.counted += voter.last_ballot is None
        voter.last_ballot = ballot.ciphertexts

    def tally(self, election: Election) -> EncryptedTallyAccumulator:
        """The sum of each credential's last ballot."""
        accumulator = EncryptedTallyAccumulator(election)
        for voter in self._voters.values():
            if voter.last_ballot is not None:
                accumulator.add_ciphertexts(voter.last_ballot, voter.weight)
        return accumulator
