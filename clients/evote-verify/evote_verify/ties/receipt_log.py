"""receipt - log: the ballot that the receipt is about is in the log, and whether it counts.

The log has the ballot of this tracker in this election, accepted at the receipt's time, and ahead of the close marker
of the receipt's partition. Partition and offset are places in the service's own log, which is not public. When a later
ballot of the same credential has taken its place, that one is named by its tracker, and nothing more. Whether a logged
ballot is acceptable is for :mod:`.archive_log`.
"""

from __future__ import annotations

import hashlib

from ..findings import ASK_AGAIN, Finding, Outcome, Tie
from ..reading.elections import LoggedBallot, LoggedElections, tracker_of_digest
from ..reading.proof_file import GivenProof
from ..reading.receipt import Receipt
from ..reading.records import BallotAccepted, MalformedRecord, parse_record


def tie(receipt: Receipt, logged: LoggedElections, size: int) -> Finding:
    """In a log of ``size`` records that was read."""
    ballot = logged.ballot(receipt.election_uuid, receipt.tracker)
    if ballot is None and logged.withheld:
        hidden = f"{len(logged.withheld)} records are not public yet, and this ballot may be one of them"
        own = "the voter shows it with the ballot's own text: its record follows from that and the receipt"
        return Finding(Tie.RECEIPT_LOG, Outcome.NOT_CHECKED, (hidden, own, ASK_AGAIN))
    if ballot is None:
        return Finding(
            Tie.RECEIPT_LOG,
            Outcome.FAILS,
            (
                f"the log of {size} records has no ballot {receipt.tracker} of election {receipt.election_uuid}",
                "a signed receipt whose ballot is missing a minute after it was accepted is evidence: publish it",
            ),
        )
    faults = _misplaced(receipt, ballot, logged)
    if faults:
        return Finding(Tie.RECEIPT_LOG, Outcome.FAILS, faults)
    election = logged.by_uuid[receipt.election_uuid]
    last = [other for other in election.ballots if other.credential == ballot.credential][-1]
    counts = "it counts" if election.box_closed_at is not None else "it counts unless a later ballot takes its place"
    superseded = f"superseded by {last.tracker} at log index {last.index}, if that one is in the archive"
    standing = counts if last == ballot else superseded
    if logged.withheld_before_close(election):
        standing = f"whether a later ballot took its place is not public yet: {ASK_AGAIN}"
    return Finding(Tie.RECEIPT_LOG, Outcome.HOLDS, (f"the ballot is record {ballot.index} of {size}", standing))


def _misplaced(receipt: Receipt, ballot: LoggedBallot, logged: LoggedElections) -> tuple[str, ...]:
    """What the receipt says otherwise than the log."""
    faults = []
    if receipt.accepted_at != ballot.time:
        faults.append(
            f"accepted at {receipt.accepted_at} by the receipt, at {ballot.time} by the log's record {ballot.index}"
        )
    marker = logged.by_uuid[receipt.election_uuid].markers.get(receipt.partition)
    if marker is not None and marker < ballot.index:
        faults.append(
            f"record {ballot.index} stands behind the close marker of the receipt's partition, record {marker}"
        )
    return tuple(faults)


def tie_proven(receipt: Receipt, given: GivenProof) -> Finding:
    """By a proof, whose record was shown to be in the log: whether it is the ballot of the receipt."""
    index = given.proof.index
    try:
        record = parse_record(given.record)
    except MalformedRecord as error:
        return Finding(Tie.RECEIPT_LOG, Outcome.FAILS, (f"the proof's record {index}: {error.reason}",))
    event = record.event
    if not isinstance(event, BallotAccepted):
        return Finding(Tie.RECEIPT_LOG, Outcome.FAILS, (f"the proof's record {index} is no ballot",))
    tracker = tracker_of_digest(hashlib.sha256(event.ballot.encode()).digest())
    facts = (
        ("election", event.election_uuid, receipt.election_uuid),
        ("tracker", tracker, receipt.tracker),
        ("time of acceptance", record.time, receipt.accepted_at),
    )
    for name, ours, theirs in facts:
        if ours != theirs:
            return Finding(
                Tie.RECEIPT_LOG,
                Outcome.FAILS,
                (f"{name}: the proof's record {index} has {ours}, the receipt {theirs}",),
            )
    standing = "whether a later ballot took its place only the whole log tells: give --log"
    return Finding(Tie.RECEIPT_LOG, Outcome.HOLDS, (f"the ballot is record {index}", standing))
