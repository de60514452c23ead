"""What the log says about one credential's ballots: which were admitted, and which is the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from evote_belenios.admission import Admissions, ExaminedCast, examine_cast
from evote_belenios.ballots import digest_of
from evote_belenios.digests import Digests
from evote_belenios.errors import BeleniosError
from evote_eventlog.events import BallotAccepted, BallotOrder
from evote_eventlog.kafka import partition_of

from .receipt import Acceptance
from .refusals import ElectionClosed, NoBallotsLeft, OlderThanLast

MOST_BALLOTS: Final = 100
"""How many ballots of one credential an election takes: voters change their mind, and a program that casts for ever
would fill the log, and cost every verifier the arithmetic of each ballot."""


def ballots_left(taken: int) -> int:
    """How many more ballots are taken of a credential of which ``taken`` were admitted."""
    return max(0, MOST_BALLOTS - taken)


@dataclass(frozen=True)
class AdmittedBallot:
    """A ballot of the credential that was admitted, and its order statement."""

    acceptance: Acceptance
    order: BallotOrder


@dataclass(frozen=True)
class CastRecord:
    """A record of a cast, and where it stands; whether it is admitted, :class:`History` tells."""

    cast: BallotAccepted
    acceptance: Acceptance
    examined: ExaminedCast | None = None
    """What it says by itself, where that is known already."""


@dataclass(frozen=True)
class CloseMarker:
    """The first close marker of an election in a partition: its offset there, and how many partitions there are."""

    offset: int
    partitions: int


class History:
    """The admitted ballots of a credential, folded from the log in its order.

    The rule is the sequencer's (:mod:`evote_belenios.admission`), applied to the same records in the same order: what
    is admitted here gets a place in the public log.
    """

    def __init__(self, credential: str, admitted: Iterable[AdmittedBallot], markers: Mapping[int, CloseMarker]) -> None:
        """
        Args:
            credential: the public credential.
            admitted: its ballots up to some place in the log, in their order.
            markers: by partition, the election's first close marker there.
        """
        self._credential = credential
        self._markers = markers
        self._admitted = {ballot.acceptance.tracker: ballot for ballot in admitted}
        self._admissions = Admissions(Digests(map(digest_of, self._admitted)))
        if self.last is not None:
            self._admissions.last_numbers.put(credential, self.last.order.number)

    @property
    def last(self) -> AdmittedBallot | None:
        """The last one admitted, which has the largest number."""
        return next(reversed(self._admitted.values()), None)

    @property
    def is_final(self) -> bool:
        """Whether no other ballot of the credential will ever be admitted: its partition's close marker was read.

        All that stands before the marker is known then, and what any replica's producer still brings comes behind it.
        """
        partitions = max((marker.partitions for marker in self._markers.values()), default=0)
        return partitions > 0 and partition_of(self._credential, partitions) in self._markers

    def accepted(self, tracker: str) -> Acceptance | None:
        """Where a ballot stands, if it was admitted."""
        found = self._admitted.get(tracker)
        return None if found is None else found.acceptance

    def take(self, record: CastRecord) -> None:
        """The next record of the credential."""
        try:
            examined = record.examined or examine_cast(record.cast)
            self._admissions.admit(examined, box_closed=self._closed_before(record.acceptance))
        except BeleniosError:
            return
        self._admitted[record.acceptance.tracker] = AdmittedBallot(record.acceptance, record.cast.order)

    def demand_newer(self, cast: BallotAccepted) -> None:
        """Raise ``OlderThanLast`` unless the number is above the last one.

        Whoever is told the last number has signed for this credential: the signature must have been verified before.
        """
        if self.last is not None and cast.order.number <= self.last.order.number:
            raise OlderThanLast(self.last.acceptance.tracker, self.last.order)

    def demand_room_for(self, cast: BallotAccepted, *, was_promised: bool) -> None:
        """Raise ``OlderThanLast`` or ``NoBallotsLeft`` unless the credential may add this ballot, not here yet.

        Counted is what the log has, so that all replicas agree. Casts that are under way at the same moment don't see
        each other, and may pass together: so many as the limits by time let through. As of the last number, whoever is
        told has signed for the credential.

        Args:
            cast: the ballot and its order.
            was_promised: whether its ciphertexts were promised to it before. It may have passed then, and its
                acknowledgement have been lost: so it is in the log unread, or comes even now, behind those that were
                under way with it, and counts, and its voter must get a receipt. Of such only as many again, or whoever
                collected promises would cast for ever.
        """
        self.demand_newer(cast)
        if not ballots_left(len(self._admitted) - (MOST_BALLOTS if was_promised else 0)):
            raise NoBallotsLeft(MOST_BALLOTS)

    def demand_admitted(self, record: CastRecord, closes_at: str) -> Acceptance:
        """Where the ballot of a record that was taken stands: there, or where it stood before.

        Raises ``ElectionClosed`` (at ``closes_at``) or ``OlderThanLast`` when it was not admitted.
        """
        accepted = self.accepted(record.acceptance.tracker)
        if accepted is not None:
            return accepted
        if self._closed_before(record.acceptance):
            raise ElectionClosed(closes_at)
        self.demand_newer(record.cast)
        raise RuntimeError("a ballot that was checked is neither admitted nor late")

    def _closed_before(self, acceptance: Acceptance) -> bool:
        marker = self._markers.get(acceptance.partition)
        return marker is not None and marker.offset < acceptance.offset
