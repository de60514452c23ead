"""What makes a ballot acceptable: by itself, and among the others. Intake, tally and every verifier apply this rule.

A ballot is acceptable when

1. it is the one text of a ballot of this election, its elements in the group
   (:func:`evote_belenios.ballots.parse_ballot`);
2. its signature and its proofs hold (:func:`evote_belenios.ballots.verify_ballot`);
3. its credential is on the list (``ballot-credential``);
4. it stands there once (``ballot-duplicate``);
5. none of its ciphertexts stands in another acceptable ballot before it (``ballot-copied-ciphertext``). Within one
   ballot a ciphertext may stand twice: that copies nothing but one's own vote, and neither the specification nor
   belenios-tool forbids it.

A ballot that got into the log and is not acceptable is passed over: in the archive, in the count, and by who ties the
two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from .ballots import Ballot, digest_of, parse_ballot, refused, verify_ballot
from .credentials import parse_public
from .digests import Digests
from .election import Election
from .errors import BallotError, BeleniosError, CredentialError
from .groups import Group
from .tally import BallotCiphertexts, ciphertexts_of

if TYPE_CHECKING:
    from evote_belenios_core import Facts, Refusal

_BALLOTS, _CREDENTIALS = "Ballots", "Credentials"


@dataclass(frozen=True, slots=True)
class BallotFacts:
    """What is left of a ballot that holds by itself."""

    credential: str
    tracker: str
    digests: tuple[bytes, ...]
    """SHA-256 of each ciphertext."""
    ciphertexts: BallotCiphertexts


def examine_ballot(election: Election, text: str) -> BallotFacts:
    """Rules 1 and 2, everything that a ballot says by itself; raises ``BeleniosError``."""
    verdict = examine_ballots(election, [text])[0]
    if isinstance(verdict, BeleniosError):
        raise verdict
    return verdict


def examine_ballots(election: Election, texts: Sequence[str]) -> list[BallotFacts | BeleniosError]:
    """:func:`examine_ballot` for many, in one call of the compiled core where it is there."""
    compiled = election.compiled
    found = [None] * len(texts) if compiled is None else compiled.examine(texts)
    return [_verdict(election, text, said) for text, said in zip(texts, found, strict=True)]


def recall_ballots(election: Election, texts: Sequence[str]) -> list[BallotFacts | BeleniosError]:
    """What :func:`examine_ballots` left of ballots that were found acceptable before; no proof is checked again."""
    compiled = election.compiled
    found = [None] * len(texts) if compiled is None else compiled.recall(texts)
    return [_recalled(election, text, said) for text, said in zip(texts, found, strict=True)]


def _recalled(election: Election, text: str, found: Facts | None) -> BallotFacts | BeleniosError:
    if found is not None:
        credential, tracker, digests, ciphertexts = found
        return BallotFacts(credential, tracker, digests, cast(BallotCiphertexts, ciphertexts))
    try:
        return _facts_of(parse_ballot(election, text))
    except BeleniosError as error:
        return error


def _verdict(election: Election, text: str, found: Facts | Refusal | None) -> BallotFacts | BeleniosError:
    match found:
        case (str() as rule, int() as number):
            return refused(election, rule, number)
        case (credential, tracker, digests, ciphertexts):
            return BallotFacts(credential, tracker, digests, cast(BallotCiphertexts, ciphertexts))
        case None:
            try:
                return _examine_by_reference(election, text)
            except BeleniosError as error:
                return error


def _examine_by_reference(election: Election, text: str) -> BallotFacts:
    ballot = parse_ballot(election, text)
    verify_ballot(election, ballot)
    return _facts_of(ballot)


def _facts_of(ballot: Ballot) -> BallotFacts:
    digests = tuple(bytes.fromhex(digest) for digest in ballot.ciphertext_digests)
    return BallotFacts(ballot.credential, ballot.tracker, digests, ciphertexts_of(ballot))


class BallotBox:
    """Rules 3 to 5, for one ballot after the other. It keeps a hash of every ballot and ciphertext, not the ballots."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._weights: dict[str, int] = {}
        self._total_weight = 0
        self._trackers = Digests()
        """SHA-256 of each ballot's text, of which its tracker is made."""
        self._ciphertexts = Digests()

    @property
    def voters(self) -> int:
        """Credentials on the list."""
        return len(self._weights)

    @property
    def ballots(self) -> int:
        """Acceptable ballots, superseded ones included."""
        return len(self._trackers)

    def enrol(self, credential: str, weight: int) -> None:
        """Put a credential on the list; raises ``CredentialError``: ``credential-duplicate``, ``credential-weight``."""
        if credential in self._weights:
            raise CredentialError("credential-duplicate", _CREDENTIALS, "a public credential stands twice on the list")
        self._total_weight += weight
        # Counts are found modulo q: beyond it one archive would hold with several results.
        if self._total_weight >= self.group.order:
            raise CredentialError("credential-weight", _CREDENTIALS, "the weights add up to the group's order or more")
        self._weights[credential] = weight

    def weight(self, credential: str) -> int:
        """How often a credential of the list counts."""
        return self._weights[credential]

    def add(self, ballot: BallotFacts) -> None:
        """Put in a ballot that holds by itself; raises ``BallotError``, and changes nothing then."""
        if ballot.credential not in self._weights:
            raise BallotError("ballot-credential", _BALLOTS, "the credential is not on the list")
        if digest_of(ballot.tracker) in self._trackers:
            raise BallotError("ballot-duplicate", _BALLOTS, "the same ballot was cast before")
        if not self._ciphertexts.isdisjoint(ballot.digests):
            raise BallotError("ballot-copied-ciphertext", _BALLOTS, "a ciphertext stands in an earlier ballot")
        self.restore(ballot.tracker, ballot.digests)

    def restore(self, tracker: str, digests: Iterable[bytes]) -> None:
        """Put back a ballot that was found acceptable before."""
        self._trackers.add(digest_of(tracker))
        self._ciphertexts.update(digests)


def box_of(election: Election, credentials: Iterable[str]) -> BallotBox:
    """An empty box for the lines of a list of public credentials; raises ``BeleniosError``."""
    box = BallotBox(election.group)
    for line in credentials:
        box.enrol(*parse_public(line, election.group))
    return box


def passed_over(election: Election, box: BallotBox, text: str) -> BeleniosError | None:
    """Put a ballot in, or say why it is passed over."""
    try:
        box.add(examine_ballot(election, text))
    except BeleniosError as error:
        return error
    return None
