"""What the log says of each election: folded from its records, by the rules that everybody who reads the log follows.

An event stands when it is the first of its kind that comes after what it builds on; a repetition changes nothing. The
sequencer promises more of ballots (:mod:`evote_belenios.admission`), and a log that breaks it is broken: a ballot's
tracker is its hash, no ballot stands twice or behind the close markers of all partitions, and those of one credential
stand in the order that the voter signed.
"""

from __future__ import annotations

import hashlib
import weakref
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import BinaryIO, Generic, TypeVar, cast

from evote_belenios import admission
from evote_belenios.admission import Admissions, examine_cast
from evote_belenios.errors import BeleniosError, NotSupported
from evote_belenios.groups import Group
from evote_belenios.jsontext import Fields, dump, load
from evote_ceremony.messages import CEREMONY_STEPS, Step
from evote_ceremony.plan import Plan

from .records import (
    BallotAccepted,
    BallotBoxClosed,
    CeremonyMessage,
    CredentialsPublished,
    ElectionAbandoned,
    ElectionClosed,
    ElectionDrafted,
    ElectionOpened,
    EncryptedTallyComputed,
    Event,
    MalformedRecord,
    PartialDecryptionReceived,
    ResultCertified,
    ResultComputed,
    RollFrozen,
    SetupConfirmed,
    SignedCommand,
    TrusteeKeyRenewed,
    parse_record,
)

EventT = TypeVar("EventT", bound=Event | SignedCommand | None)


@dataclass(frozen=True, slots=True)
class Logged(Generic[EventT]):
    """An event that stands, its index in the log, and its time."""

    index: int
    time: str
    event: EventT


@dataclass(frozen=True, slots=True)
class LoggedBallot:
    """A ballot in the log; ``digest`` is the SHA-256 of its text, ``time`` when it was accepted."""

    index: int
    digest: bytes
    credential: str
    time: str
    start: int
    length: int
    """Where :class:`BallotTexts` keeps its text, in bytes."""

    @property
    def tracker(self) -> str:
        """The smart ballot tracker."""
        return tracker_of_digest(self.digest)


def tracker_of_digest(digest: bytes) -> str:
    """The smart ballot tracker: unpadded base64 of the SHA-256 of a ballot's text."""
    return b64encode(digest).decode("ascii").rstrip("=")


class BallotTexts:
    """The texts of the ballots that were read, in a file without a name: there may be millions, and few are wanted."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._end = 0

    def append(self, text: bytes) -> int:
        """Keep a text; returns where it begins."""
        if self._file is None:
            self._file = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 - it lives as long as this does
            weakref.finalize(self, self._file.close)
        start, self._end = self._end, self._end + len(text)
        self._file.seek(start)
        self._file.write(text)
        return start

    def read(self, ballot: LoggedBallot) -> str:
        """The text of a ballot."""
        assert self._file is not None, "it was appended"  # noqa: S101
        self._file.seek(ballot.start)
        return self._file.read(ballot.length).decode()


@dataclass
class LoggedElection:
    """One election, as far as the log goes."""

    verified_before: int = 0
    """Records with a smaller index are known to be those of a log that was verified before."""
    drafted: Logged[ElectionDrafted] | None = None
    roll: Logged[RollFrozen] | None = None
    abandoned: Logged[ElectionAbandoned] | None = None
    """Given up; of this and an opening the first one stands."""
    opened: Logged[ElectionOpened] | None = None
    closed: Logged[ElectionClosed] | None = None
    certified: Logged[ResultCertified] | None = None
    tally: Logged[EncryptedTallyComputed] | None = None
    result: Logged[ResultComputed] | None = None
    ceremony: dict[Step, dict[int, Logged[CeremonyMessage]]] = field(
        default_factory=lambda: {step: {} for step in CEREMONY_STEPS}
    )
    """By step and trustee; a step stands when the trustee's step before it does."""
    renewals: list[Logged[TrusteeKeyRenewed]] = field(default_factory=list)
    """In the log's order; none stands behind a commitment. What the trustee sent before it counts no more."""
    confirmations: dict[int, Logged[SetupConfirmed]] = field(default_factory=dict)
    """By trustee."""
    decryptions: dict[int, Logged[PartialDecryptionReceived]] = field(default_factory=dict)
    """By trustee, in the log's order; what came after the result does not stand."""
    ballots: list[LoggedBallot] = field(default_factory=list)
    """In the log's order."""
    texts: BallotTexts = field(default_factory=BallotTexts)
    markers: dict[int, int] = field(default_factory=dict)
    """The index of the first close marker of each partition."""
    partitions: int = 0
    last_index: int = 0
    """Of the last record about this election."""
    published: dict[str, Logged[SignedCommand | None]] = field(default_factory=dict)
    """What was signed for each list of public credentials, by its hash; it stands in the first part."""
    _credential_parts: dict[tuple[str, int], str] = field(default_factory=dict)
    _admissions: Admissions = field(default_factory=Admissions)

    @property
    def plan(self) -> Plan | None:
        """The draft with the keys that count now; None without a draft. Raises ``NoSuchTrustee``."""
        if self.drafted is None:
            return None
        plan = self.drafted.event.plan
        for renewal in self.renewals:
            plan = plan.with_key(renewal.event.trustee, renewal.event.key)
        return plan

    @property
    def box_closed_at(self) -> int | None:
        """The index of the last partition's first close marker; None while the box is open."""
        if not self.partitions or any(partition not in self.markers for partition in range(self.partitions)):
            return None
        return max(self.markers[partition] for partition in range(self.partitions))

    def credentials_text(self, sha256: str) -> str | None:
        """The list of this hash, from its parts; None unless the log holds it whole."""
        parts = sorted((part, text) for (of, part), text in self._credential_parts.items() if of == sha256)
        text = f"[{','.join(text for _, text in parts if text)}]"
        return text if hashlib.sha256(text.encode()).hexdigest() == sha256 else None

    def add(self, index: int, time: str, event: Event) -> None:
        """Take the next event; raises :class:`MalformedRecord` when it breaks a rule of the log."""
        self.last_index = index
        match event:
            case BallotAccepted():
                self._add_ballot(index, time, event)
            case BallotBoxClosed():
                self.partitions = max(self.partitions, event.partitions)
                self.markers.setdefault(event.partition, index)
            case CredentialsPublished():
                key = (event.credentials_sha256, event.part)
                if event.part == 0:
                    self.published.setdefault(event.credentials_sha256, Logged(index, time, event.command))
                self._credential_parts.setdefault(key, dump(event.credentials)[1:-1])
            case EncryptedTallyComputed() | PartialDecryptionReceived() | ResultComputed():
                self._add_count(index, time, event)
            case CeremonyMessage() | SetupConfirmed() | TrusteeKeyRenewed():
                self._add_ceremony(index, time, event)
            case _:
                self._add_life_cycle(index, time, event)

    def _add_life_cycle(
        self,
        index: int,
        time: str,
        event: ElectionDrafted | RollFrozen | ElectionAbandoned | ElectionOpened | ElectionClosed | ResultCertified,
    ) -> None:
        match event:
            case ElectionDrafted():
                self.drafted = self.drafted or Logged(index, time, event)
            case RollFrozen() if self.drafted and not self.abandoned:
                self.roll = self.roll or Logged(index, time, event)
            case ElectionAbandoned() if self.drafted and not self.opened:
                self.abandoned = self.abandoned or Logged(index, time, event)
            case ElectionOpened() if self.roll and not self.abandoned:
                if event.credentials_sha256 != self.roll.event.credentials_sha256:
                    raise MalformedRecord("the election is opened with another list of credentials than was frozen")
                self.opened = self.opened or Logged(index, time, event)
            case ElectionClosed() if self.opened:
                self.closed = self.closed or Logged(index, time, event)
            case ResultCertified() if self.closed:
                self.certified = self.certified or Logged(index, time, event)

    def _add_ceremony(self, index: int, time: str, event: CeremonyMessage | SetupConfirmed | TrusteeKeyRenewed) -> None:
        if isinstance(event, SetupConfirmed):
            if event.trustee in self.ceremony[Step.VOUTPUT]:
                self.confirmations.setdefault(event.trustee, Logged(index, time, event))
            return
        if isinstance(event, TrusteeKeyRenewed):
            before = sum(renewal.event.trustee == event.trustee for renewal in self.renewals)
            if event.number == before + 1 and not self.ceremony[Step.COMMITMENT]:
                self.renewals.append(Logged(index, time, event))
                self.ceremony[Step.CERTIFICATE].pop(event.trustee, None)
            return
        at = CEREMONY_STEPS.index(event.step)
        if at == 0 or event.trustee in self.ceremony[CEREMONY_STEPS[at - 1]]:
            self.ceremony[event.step].setdefault(event.trustee, Logged(index, time, event))

    def _add_count(
        self, index: int, time: str, event: EncryptedTallyComputed | PartialDecryptionReceived | ResultComputed
    ) -> None:
        match event:
            case EncryptedTallyComputed():
                self.tally = self.tally or Logged(index, time, event)
            case PartialDecryptionReceived() if self.tally and not self.result:
                self.decryptions.setdefault(event.trustee, Logged(index, time, event))
            case ResultComputed() if self.tally:
                self.result = self.result or Logged(index, time, event)

    def _add_ballot(self, index: int, time: str, event: BallotAccepted) -> None:
        try:
            if index < self.verified_before:
                self._admissions.readmit(event)
            else:
                self._admissions.admit(examine_cast(event), box_closed=self.box_closed_at is not None)
        except BeleniosError as error:
            last = self._admissions.last_numbers.get(event.credential)
            raise MalformedRecord(_broken_rule(error, event, last)) from None
        text = event.ballot.encode()
        start, digest = self.texts.append(text), hashlib.sha256(text).digest()
        self.ballots.append(LoggedBallot(index, digest, event.credential, time, start, len(text)))


class LoggedElections:
    """Every election in the log, and what is wrong with the records."""

    def __init__(self, verified_before: int = 0) -> None:
        """``verified_before``: how many records at the beginning were verified before, if they are the same ones.

        What voters signed of their order in those is not checked again. Whether they are, who reads the log must see.
        """
        self._verified_before = verified_before
        self.by_uuid: dict[str, LoggedElection] = {}
        self.faults: list[str] = []
        """The first ones, each with the index of its record."""
        self.withheld: list[int] = []
        """The indices of records that were not shown: the log says of them that they are ballots of open elections."""

    def add(self, index: int, value: bytes) -> None:
        """Take the next record of the log; an empty one is withheld."""
        if not value:
            self.withheld.append(index)
            return
        try:
            record = parse_record(value)
            new = LoggedElection(self._verified_before)
            election = self.by_uuid.setdefault(record.event.election_uuid, new)
            election.add(index, record.time, record.event)
        except MalformedRecord as error:
            self.faults.append(f"record {index}: {error.reason}")

    @property
    def groups(self) -> set[Group]:
        """Of the elections' drafts; one that this program doesn't know did no arithmetic here."""
        known = set()
        for election in self.by_uuid.values():
            if election.drafted is not None:
                with suppress(NotSupported):
                    known.add(election.drafted.event.plan.group)
        return known

    @property
    def voting(self) -> bool:
        """Whether an election is open: only then anything may be withheld."""
        return any(election.opened and election.box_closed_at is None for election in self.by_uuid.values())

    def withheld_before_close(self, election: LoggedElection) -> int:
        """How many records were not shown that may be ballots of an election: nobody can see whose they are."""
        closed_at = election.box_closed_at
        return sum(1 for index in self.withheld if closed_at is None or index < closed_at)

    def ballot(self, election_uuid: str, tracker: str) -> LoggedBallot | None:
        """The ballot of a tracker in an election."""
        election = self.by_uuid.get(election_uuid)
        if election is None:
            return None
        return next((ballot for ballot in election.ballots if ballot.tracker == tracker), None)


def _broken_rule(error: BeleniosError, event: BallotAccepted, last: int | None) -> str:
    """What the log's keeper did that it must not do."""
    ballot, number = f"the ballot {event.tracker}", event.order.number
    match error.rule:
        case admission.TRACKER:
            return "the ballot's tracker is not the hash of its text"
        case admission.BALLOT:
            return f"{ballot} is of another credential or election than its event says, or is none"
        case admission.DUPLICATE:
            return f"{ballot} stands in the log a second time"
        case admission.AFTER_CLOSE:
            return f"{ballot} stands behind the close marker of every partition"
        case admission.OLDER:
            return f"{ballot} is its voter's number {number} and comes after number {last}: not the voter's order"
        case _:
            return f"{ballot} is said to be its voter's number {number}, but {error.detail}"


def credential_of(ballot: str) -> str:
    """Whether the rest of it is right, the archive's verification tells."""
    try:
        return Fields(load(ballot), "the ballot").text("credential")
    except BeleniosError as error:
        raise MalformedRecord(f"it holds no ballot: {error.detail}") from None
