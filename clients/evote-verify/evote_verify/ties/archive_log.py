"""archive - log: the archive holds all that the log says of its election, in the log's order, and nothing else.

- Setup: the texts of the election and its trustees as it was opened, the frozen list of credentials, and the time.
- Ballots: every acceptable ballot before the close, in the order of the log; an archive of an earlier moment has the
  first ones. A logged ballot that is not in the archive is examined by the rule that everyone applies
  (:mod:`evote_belenios.box`): somebody had it logged past the intake, and it is passed over, or the archive differs.
- The tally: computed from a log that held every partition's close marker.
- Partial decryptions: of the first group of trustees, in the order of their coming, that leads to a result.
- The result; and when it was certified, the archive's very bytes.

Records that are withheld may be ballots of this election, whatever the log says of them: with any before its close,
nothing is found. An election that was open at the same time has to close first, or the log is read as an auditor.

The first difference is named with its event in the archive and its index in the log.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from evote_belenios.archive import (
    ArchivedEvent,
    CastBallot,
    EndBallots,
    EventType,
    OwnedDecryption,
    PublishedResult,
    PublishedTally,
    Setup,
)
from evote_belenios.ballots import parse_ballot
from evote_belenios.box import BallotBox, box_of, passed_over
from evote_belenios.election import Election, parse_election
from evote_belenios.errors import ArchiveError, BeleniosError, TallyError
from evote_belenios.jsontext import load, texts
from evote_belenios.result import compute_result
from evote_belenios.tally import parse_sized_encrypted_tally
from evote_belenios.trustees import parse_trustees

from ..findings import ASK_AGAIN, Finding, Outcome, Tie
from ..reading.archive_file import ArchiveFile
from ..reading.elections import Logged, LoggedBallot, LoggedElection, LoggedElections, tracker_of_digest
from ..reading.records import EncryptedTallyComputed


class Differs(Exception):
    """The archive is not what follows from the log. Field: ``reason``, which names the place in both."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def tie(archive: ArchiveFile, logged: LoggedElections, size: int) -> Finding:
    """Compare an archive with the log of ``size`` records; raises ``OSError`` and ``NotAnArchive``."""
    election = logged.by_uuid.get(archive.election_uuid or "")
    withheld = 0 if election is None else logged.withheld_before_close(election)
    if withheld:
        hidden = f"{withheld} records before its close are not public yet: one could be a ballot that is left out"
        return Finding(Tie.ARCHIVE_LOG, Outcome.NOT_CHECKED, (hidden, ASK_AGAIN))
    try:
        events = archive.events()
        comparison = _Comparison(archive, logged, size, events.timestamp)
        for event in events:
            comparison.take(event)
        comparison.finish(archive)
    except Differs as difference:
        return Finding(Tie.ARCHIVE_LOG, Outcome.FAILS, (difference.reason,))
    except ArchiveError as error:
        return Finding(
            Tie.ARCHIVE_LOG, Outcome.FAILS, (f"the archive is damaged, and was compared up to there: {error}",)
        )
    return Finding(Tie.ARCHIVE_LOG, Outcome.HOLDS, comparison.summary())


def last_ballot(archive: ArchiveFile, election: LoggedElection) -> LoggedBallot | None:
    """The archive's last ballot, where the log has it: an archive of an earlier moment ends before the log does."""
    digest = b""
    with contextlib.suppress(ArchiveError):  # as far as it can be read: that it is damaged, its own tie tells
        for event in archive.events():
            if isinstance(event.content, CastBallot):
                digest = hashlib.sha256(event.content.text.encode()).digest()
    return next((ballot for ballot in reversed(election.ballots) if ballot.digest == digest), None)


class _Comparison:
    """One pass over the archive, beside what the log says."""

    def __init__(self, archive: ArchiveFile, logged: LoggedElections, size: int, timestamp: int) -> None:
        self._archive = archive
        self._box: BallotBox | None = None
        self._passed_over: list[str] = []
        self._logged = logged
        self._size = size
        self._timestamp = timestamp
        self._election = LoggedElection()
        self._ballots: Iterator[LoggedBallot] = iter(())
        self._owners: list[int] = []
        self._parsed: Election | None = None
        self._taken = 0
        self._last: EventType | None = None

    def take(self, event: ArchivedEvent) -> None:
        """Compare the next event; raises :class:`Differs`."""
        self._last = event.type
        match event.content:
            case Setup() as setup:
                self._setup(setup)
            case CastBallot() as ballot:
                self._ballot(event, ballot)
            case EndBallots():
                self._end(event)
            case PublishedTally() as tally:
                self._tally(event, tally)
            case OwnedDecryption() as decryption:
                _same_decryption(event, decryption, self._election)
                self._owners.append(decryption.owner)
            case PublishedResult() as result:
                self._result(event, result)

    def finish(self, archive: ArchiveFile) -> None:
        """After the last event: a complete archive that was certified is certified byte for byte."""
        certified = self._election.certified
        if self._last is not EventType.RESULT or certified is None:
            return
        if archive.sha256() != certified.event.archive_sha256:
            raise Differs(f"the archive is not the one whose SHA-256 was certified (log index {certified.index})")

    def summary(self) -> tuple[str, ...]:
        """What was compared, for the report."""
        election, logged = self._election, len(self._election.ballots)
        lines = [f"{self._taken} of the election's {logged} logged ballots, in the log's order, and no other"]
        lines += [f"passed over: {ballot}" for ballot in self._passed_over]
        if self._last is EventType.RESULT:
            certified = "certified byte for byte" if election.certified else "not certified yet"
            lines.append(f"setup, tally, partial decryptions and result as the log has them; {certified}")
        else:
            goes_on = election.tally is not None or self._taken + len(self._passed_over) < logged
            lines.append(
                "the log goes on: this is an archive of an earlier moment" if goes_on else "as far as the log goes"
            )
        return tuple(lines)

    def _setup(self, setup: Setup) -> None:
        try:
            uuid = parse_election(setup.election).uuid
        except BeleniosError as error:
            raise Differs(f"event 0 (Setup): its election can't be read: {error.detail}") from None
        election = self._logged.by_uuid.get(uuid)
        if election is None or election.opened is None:
            raise Differs(f"event 0 (Setup): the log of {self._size} records opens no election {uuid}")
        opened, at = election.opened.event, f"log index {election.opened.index}"
        if setup.election != opened.election_json:
            raise Differs(f"event 0 (Setup): the election's text is not the one that was opened ({at})")
        if setup.trustees != opened.trustees_json:
            raise Differs(f"event 0 (Setup): the trustees' text is not the one that was opened ({at})")
        if setup.credentials != election.credentials_text(opened.credentials_sha256):
            raise Differs("event 0 (Setup): the public credentials are not the list that was published and frozen")
        if self._timestamp != int(datetime.fromisoformat(election.opened.time).timestamp()):
            raise Differs(f"event 0 (Setup): the archive's time is not the election's opening ({at})")
        self._election = election
        self._ballots = iter(election.ballots)

    def _ballot(self, event: ArchivedEvent, ballot: CastBallot) -> None:
        digest = hashlib.sha256(ballot.text.encode()).digest()
        expected = next(self._ballots, None)
        while expected is not None and expected.digest != digest and self._pass_over(expected, event.index):
            expected = next(self._ballots, None)
        if expected is not None and expected.digest == digest:
            self._taken += 1
            if self._box is not None:
                _put_in(self._box, self._parameters(), ballot.text)
            return
        here = f"event {event.index} (Ballot): the archive has {tracker_of_digest(digest)}"
        if expected is None:
            raise Differs(
                f"{here}, and the log of {self._size} records has no ballot of this election any more; "
                "if the archive is younger than the log's checkpoint, read the log again"
            )
        elsewhere = next((logged.index for logged in self._election.ballots if logged.digest == digest), None)
        place = "it is not in the log" if elsewhere is None else f"its place in the log is {elsewhere}"
        raise Differs(f"{here}, the log has {expected.tracker} at index {expected.index}; {place}")

    def _end(self, event: ArchivedEvent) -> None:
        missing = next(self._ballots, None)
        while missing is not None and self._pass_over(missing, event.index):
            missing = next(self._ballots, None)
        if missing is not None:
            raise Differs(
                f"event {event.index} (EndBallots): the ballot {missing.tracker} at log index {missing.index} "
                "is not in the archive"
            )

    def _pass_over(self, ballot: LoggedBallot, before: int) -> bool:
        """Whether a logged ballot is not acceptable, next to the archive's ballots before the event ``before``."""
        if self._box is None:
            self._box = self._box_before(before)
        error = passed_over(self._parameters(), self._box, self._election.texts.read(ballot))
        if error is None:
            return False
        self._passed_over.append(f"{ballot.tracker} at log index {ballot.index}: {error.detail} ({error.rule})")
        return True

    def _parameters(self) -> Election:
        assert self._election.opened is not None  # noqa: S101 - the archive's setup is that of the opening
        if self._parsed is None:
            self._parsed = parse_election(self._election.opened.event.election_json)
        return self._parsed

    def _box_before(self, index: int) -> BallotBox:
        """The archive's ballots before an event: only now is it asked what stands in them."""
        assert self._election.opened is not None  # noqa: S101 - as above
        credentials = self._election.credentials_text(self._election.opened.event.credentials_sha256) or "[]"
        try:
            box = box_of(self._parameters(), texts(load(credentials), "credentials"))
        except BeleniosError as error:
            raise Differs(f"event 0 (Setup): the public credentials can't be read: {error.detail}") from None
        for event in self._archive.events():
            if event.index >= index:
                break
            if isinstance(event.content, CastBallot):
                _put_in(box, self._parameters(), event.content.text)
        return box

    def _tally(self, event: ArchivedEvent, tally: PublishedTally) -> None:
        here, logged = f"event {event.index} (EncryptedTally)", self._election.tally
        if logged is None:
            raise Differs(f"{here}: the log of {self._size} records has no tally of this election")
        if (tally.encrypted_tally, tally.sized) != (logged.event.encrypted_tally, logged.event.sized_encrypted_tally):
            raise Differs(f"{here}: it is not the tally at log index {logged.index}")
        self._check_box(here, logged)

    def _check_box(self, here: str, tally: Logged[EncryptedTallyComputed]) -> None:
        closed_at = self._election.box_closed_at
        if closed_at is None or not closed_at < tally.event.log_size <= tally.index:
            raise Differs(
                f"{here}: it was computed from the first {tally.event.log_size} records (log index {tally.index}), "
                + ("but the box is still open" if closed_at is None else f"but the box closed at log index {closed_at}")
            )

    def _result(self, event: ArchivedEvent, result: PublishedResult) -> None:
        logged = self._election.result
        if logged is None:
            raise Differs(f"event {event.index} (Result): the log of {self._size} records has no result")
        if result.text != logged.event.result:
            raise Differs(f"event {event.index} (Result): it is not the result at log index {logged.index}")
        chosen = _first_group_with_a_result(self._election)
        if self._owners != chosen:
            raise Differs(
                f"event {event.index} (Result): it rests on trustees {self._owners}; "
                f"by the log's order it would be {'none' if chosen is None else chosen}"
            )


def _put_in(box: BallotBox, election: Election, text: str) -> None:
    """A ballot of the archive; whether it is acceptable, the archive's own verification tells."""
    with contextlib.suppress(BeleniosError):
        ballot = parse_ballot(election, text)
        box.restore(ballot.tracker, [bytes.fromhex(digest) for digest in ballot.ciphertext_digests])


def _same_decryption(event: ArchivedEvent, decryption: OwnedDecryption, election: LoggedElection) -> None:
    logged = election.decryptions.get(decryption.owner)
    here = f"event {event.index} (PartialDecryption)"
    if logged is None:
        raise Differs(f"{here}: the log has no partial decryption of trustee {decryption.owner} before the result")
    if decryption.text != logged.event.partial_decryption:
        raise Differs(f"{here}: it is not trustee {decryption.owner}'s at log index {logged.index}")


def _first_group_with_a_result(election: LoggedElection) -> list[int] | None:
    """A trustee can lie in a way that gives no result; such groups are passed over (threat model)."""
    if election.opened is None or election.drafted is None or election.tally is None:
        return None
    try:
        parameters = parse_election(election.opened.event.election_json)
        trustees = parse_trustees(election.opened.event.trustees_json, parameters.group)
        weight = parse_sized_encrypted_tally(election.tally.event.sized_encrypted_tally).total_weight
        for group in combinations(election.decryptions.items(), election.drafted.event.plan.threshold):
            chosen = {trustee: logged.event.partial_decryption for trustee, logged in group}
            try:
                compute_result(parameters, trustees, election.tally.event.encrypted_tally, weight, chosen)
            except TallyError as error:
                if error.rule != "result-logarithm":
                    raise
                continue
            return list(chosen)
    except BeleniosError:
        return None
    return None
