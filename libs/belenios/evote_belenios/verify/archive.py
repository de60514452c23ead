"""Verifying an archive from its first byte to its last."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import BinaryIO

from ..archive import (
    ArchivedEvent,
    ArchiveReader,
    CastBallot,
    EventType,
    OwnedDecryption,
    PublishedResult,
    PublishedTally,
    Setup,
)
from ..box import BallotBox, BallotFacts
from ..credentials_certificate import check_credentials_certificate
from ..decryption import verify_partial_decryption
from ..election import Election, oddities, parse_election
from ..errors import ArchiveError, BeleniosError, NotSupported, TallyError
from ..jsontext import dump, load, texts
from ..result import parse_result, verify_result
from ..tally import BallotCiphertexts, EncryptedTallyAccumulator, parse_sized_encrypted_tally, verify_encrypted_tally
from ..trustees import ThresholdTrustees, Trustees, parse_trustees, verify_election_key
from .report import VerificationReport
from .workers import CHUNK, Workers, check_ballots, check_credentials, recall

_PUBLIC_DATA, _DECRYPTIONS = "Public data", "Partial decryptions"
_CREDENTIALS_AT_ONCE = 250
_CHUNK_BYTES, _MOST_BYTES_IN_FLIGHT = 1 << 18, 1 << 24

Progress = Callable[[int, int], None]


def verify_archive(
    file: BinaryIO, *, processes: int, progress: Progress, verified_before: int = 0
) -> VerificationReport:
    """Verify everything that an archive claims.

    What is wrong is in the report's ``failures``. A phase of the election (its setup, its ballots, the tally, the
    decryptions, the result) is checked only when those before it hold: there is nothing to check it against otherwise.
    What belenios-tool takes is taken here; where that is odd, it is in the report's ``warnings``.

    Args:
        file: the archive, from ``open_archive``, so that what was verified can be read again, whatever its name stands
            for by then; it may grow meanwhile.
        processes: how many verify ballots at once.
        progress: called with the bytes verified and the bytes in all.
        verified_before: how many events at the beginning the caller knows to be those of an archive that was verified
            before. What each of their ballots says by itself (step 4) is not checked again; everything else is.

    Raises:
        OSError: it can't be read.
        NotAnArchive: it doesn't begin as an archive does.
        NotSupported: an election of another version, group or kind of question.
        BrokenProcessPool: a process was ended from outside.
    """
    size = os.fstat(file.fileno()).st_size or 1
    verification = _Verification(lambda done: progress(done, size), verified_before)
    verification.run(ArchiveReader(file), processes)
    return verification.report()


class _Verification:
    """One pass over the events, and what has been learnt so far."""

    def __init__(self, on_bytes: Callable[[int], None], verified_before: int) -> None:
        self._on_bytes = on_bytes
        self._verified_before = verified_before
        self._last: ArchivedEvent | None = None
        self._events = 0
        self._election: Election | None = None
        self._trustees: Trustees | None = None
        self._box: BallotBox | None = None
        self._credentials_sha256: str | None = None
        self._counted: dict[str, BallotCiphertexts] = {}
        self._tally: PublishedTally | None = None
        self._decryptions: dict[int, str] = {}
        self._refused: dict[int, ArchiveError] = {}
        self._result: tuple[tuple[int, ...], ...] | None = None
        self._failures: list[ArchiveError] = []
        self._warnings: list[str] = []
        self._weightless = self._weighted = self._with_identity = 0

    def run(self, events: Iterable[ArchivedEvent], processes: int) -> None:
        """Read and check until the end, or until nothing more can be checked."""
        stream = self._read(events)
        setup = next(stream, None)
        if setup is None:
            if not self._failures:
                self._fail(ArchiveError("event-order", _PUBLIC_DATA, "the archive holds no Setup", 0, None))
            return
        assert isinstance(setup.content, Setup)  # noqa: S101 - the reader holds to the order
        self._check_setup(setup, setup.content)
        if self._election is None or self._failures:
            return
        self._box = BallotBox(self._election.group)
        with Workers(processes, self._election) as workers:
            self._check_credentials(setup, setup.content, self._box, workers)
            if not self._failures:
                self._check_votes(stream, self._box, workers)
        self._judge_refused_decryptions()

    def report(self) -> VerificationReport:
        """What was found."""
        return VerificationReport(
            stage=self._last.type if self._last else None,
            head=self._last.sha256 if self._last else None,
            events=self._events,
            election=self._election,
            trustees=self._trustees,
            voters=self._box.voters if self._box else 0,
            credentials_sha256=self._credentials_sha256,
            ballots=self._box.ballots if self._box else 0,
            counted=len(self._counted),
            decrypted_by=tuple(sorted(self._decryptions)),
            result=self._result,
            failures=tuple(sorted(self._failures, key=lambda failure: failure.event_index)),
            warnings=tuple(self._found_odd()),
        )

    def _read(self, events: Iterable[ArchivedEvent]) -> Iterator[ArchivedEvent]:
        """Steps 1 and 2: the file and the chain, up to the first damage."""
        try:
            for event in events:
                self._last = event
                self._events += 1
                yield event
        except ArchiveError as error:
            self._fail(error)

    def _check_setup(self, event: ArchivedEvent, setup: Setup) -> None:
        """Step 3, without the credentials."""
        self._credentials_sha256 = hashlib.sha256(setup.credentials.encode()).hexdigest()
        try:
            election = parse_election(setup.election)
            self._election = election
            self._trustees = parse_trustees(setup.trustees, election.group)
            verify_election_key(election, self._trustees)
        except NotSupported:
            raise
        except BeleniosError as error:
            self._fail_at(event, error)
        self._note_form(setup.election, "the election")
        self._note_form(setup.trustees, "the trustees")
        self._note_form(setup.credentials, "the list of credentials")

    def _check_credentials(self, event: ArchivedEvent, setup: Setup, box: BallotBox, workers: Workers) -> None:
        """Step 3, the list of public credentials."""
        try:
            credentials = texts(load(setup.credentials), "credentials")
        except BeleniosError as error:
            self._fail_at(event, error)
            return
        slices = range(0, len(credentials), _CREDENTIALS_AT_ONCE)
        checks = [
            workers.submit(check_credentials, credentials[start : start + _CREDENTIALS_AT_ONCE]) for start in slices
        ]
        for start, check in zip(slices, checks, strict=True):
            # A long list takes minutes: whoever waits sees how far it is.
            self._on_bytes(event.end * start // len(credentials))
            for verdict in check.result():
                try:
                    if isinstance(verdict, BeleniosError):
                        raise verdict
                    box.enrol(*verdict)
                    self._weightless += verdict[1] == 0
                    self._weighted += verdict[1] > 1
                except BeleniosError as error:
                    self._fail_at(event, error)
        if setup.certificate is not None and self._election is not None:
            self._check_certificate(event, self._election, setup.certificate, setup.credentials, len(credentials))
        self._on_bytes(event.end)

    def _check_certificate(
        self, event: ArchivedEvent, election: Election, certificate: str, credentials: str, count: int
    ) -> None:
        try:
            check_credentials_certificate(election, certificate, credentials, count)
        except BeleniosError as error:
            self._fail_at(event, error)

    def _check_votes(self, stream: Iterator[ArchivedEvent], box: BallotBox, workers: Workers) -> None:
        """Steps 4 and 5 for ballots, in parallel; then 6 to 8 for what follows them."""
        in_flight: deque[tuple[list[ArchivedEvent], Future[list[BallotFacts | BeleniosError]]]] = deque()
        chunk: list[ArchivedEvent] = []

        def submit() -> None:
            if chunk:
                check = recall if chunk[0].index < self._verified_before else check_ballots
                in_flight.append((list(chunk), workers.submit(check, [_ballot_text(event) for event in chunk])))
                chunk.clear()

        for event in stream:
            if event.type is EventType.BALLOT:
                if event.index == self._verified_before:
                    submit()
                chunk.append(event)
                if len(chunk) == CHUNK or _bytes_in(chunk) > _CHUNK_BYTES:
                    submit()
                    while (
                        len(in_flight) > workers.most_in_flight or _bytes_in_flight(in_flight) > _MOST_BYTES_IN_FLIGHT
                    ):
                        self._take_verdicts(box, *in_flight.popleft())
                continue
            submit()
            while in_flight:
                self._take_verdicts(box, *in_flight.popleft())
            if not self._failures:
                self._check_count(event, box)
            self._on_bytes(event.end)
        submit()
        while in_flight:
            self._take_verdicts(box, *in_flight.popleft())

    def _take_verdicts(
        self, box: BallotBox, events: list[ArchivedEvent], verdicts: Future[list[BallotFacts | BeleniosError]]
    ) -> None:
        for event, verdict in zip(events, verdicts.result(), strict=True):
            try:
                if isinstance(verdict, BeleniosError):
                    raise verdict
                box.add(verdict)
                self._counted[verdict.credential] = verdict.ciphertexts
                self._with_identity += self._has_identity(verdict)
            except BeleniosError as error:
                self._fail_at(event, error)
            self._on_bytes(event.end)

    def _has_identity(self, ballot: BallotFacts) -> bool:
        assert self._election is not None  # noqa: S101 - the setup holds
        identity = self._election.group.identity
        return any(identity in pair for answer in ballot.ciphertexts for pair in answer)

    def _check_count(self, event: ArchivedEvent, box: BallotBox) -> None:
        """Steps 6 to 8."""
        assert self._election is not None and self._trustees is not None  # noqa: S101 - the setup holds
        election, trustees, content = self._election, self._trustees, event.content
        try:
            match content:
                case PublishedTally():
                    verify_encrypted_tally(self._tally_of(election, box), content.encrypted_tally, content.sized)
                    self._tally = content
                    self._note_form(content.sized, "the size of the tally")
                case OwnedDecryption() if self._tally is not None:
                    if content.owner in self._decryptions or content.owner in self._refused:
                        raise TallyError(
                            "decryption-duplicate", _DECRYPTIONS, f"trustee {content.owner} decrypted before"
                        )
                    self._take_decryption(event, election, trustees, self._tally, content)
                case PublishedResult() if self._tally is not None:
                    weight = parse_sized_encrypted_tally(self._tally.sized).total_weight
                    encrypted_tally = self._tally.encrypted_tally
                    verify_result(election, trustees, encrypted_tally, weight, self._decryptions, content.text)
                    self._note_form(content.text, "the result")
                    self._result = parse_result(election, content.text)
        except BeleniosError as error:
            self._fail_at(event, error)

    def _take_decryption(
        self, event: ArchivedEvent, election: Election, trustees: Trustees, tally: PublishedTally, own: OwnedDecryption
    ) -> None:
        """One that doesn't hold is set aside until it is known whether the result needs it."""
        trustees.verification_key(own.owner)
        try:
            verify_partial_decryption(election, trustees, own.owner, tally.encrypted_tally, own.text)
        except BeleniosError as error:
            self._refused[own.owner] = ArchiveError(error.rule, error.section, error.detail, event.index, event.type)
        else:
            self._note_form(own.text, f"the decryption of trustee {own.owner}")
            self._decryptions[own.owner] = own.text

    def _judge_refused_decryptions(self) -> None:
        """Without them the others must have led to the result, as belenios-tool has it since 3.3."""
        for owner, failure in self._refused.items():
            if self._result is None:
                self._fail(failure)
            else:
                self._warnings.append(f"the decryption of trustee {owner} does not hold; the result does not need it")

    def _note_form(self, text: str, what: str) -> None:
        try:
            compact = dump(load(text)) == text
        except BeleniosError:
            return  # found where it is read
        if not compact:
            self._warnings.append(f"{what} is not in the specification's compact form")

    def _found_odd(self) -> Iterator[str]:
        if self._election is not None:
            yield from oddities(self._election)
        if self._weightless:
            yield f"{self._weightless} credentials have the weight 0: their ballots count for nothing"
        if self._weighted:
            yield f"{self._weighted} credentials have a weight above 1: their ballots count as often"
        if self._trustees is not None:
            yield from oddities_of_trustees(self._trustees, len(self._decryptions))
        if self._with_identity:
            yield f"{self._with_identity} ballots hold the neutral element: they hide nothing"
        yield from self._warnings

    def _tally_of(self, election: Election, box: BallotBox) -> EncryptedTallyAccumulator:
        """The sum of each credential's last ballot."""
        accumulator = EncryptedTallyAccumulator(election)
        for credential, ciphertexts in self._counted.items():
            accumulator.add_ciphertexts(ciphertexts, box.weight(credential))
        return accumulator

    def _fail_at(self, event: ArchivedEvent, error: BeleniosError) -> None:
        self._fail(ArchiveError(error.rule, error.section, error.detail, event.index, event.type))

    def _fail(self, failure: ArchiveError) -> None:
        self._failures.append(failure)


def oddities_of_trustees(trustees: Trustees, decrypted: int) -> Iterator[str]:
    """What an auditor should know of the trustees, of whom ``decrypted`` did their part."""
    for item in trustees.items:
        if isinstance(item, ThresholdTrustees) and not item.bound_to_ceremony:
            yield "a ceremony's certificates name no context: they could be from another ceremony of the same trustees"
    needed = sum(item.threshold for item in trustees.items)
    if decrypted > needed:
        yield f"{decrypted} trustees decrypted where {needed} are enough"


def _bytes_in(chunk: Sequence[ArchivedEvent]) -> int:
    return sum(len(_ballot_text(event)) for event in chunk)


def _bytes_in_flight(in_flight: Iterable[tuple[Sequence[ArchivedEvent], object]]) -> int:
    return sum(_bytes_in(chunk) for chunk, _ in in_flight)


def _ballot_text(event: ArchivedEvent) -> str:
    assert isinstance(event.content, CastBallot)  # noqa: S101 - the reader holds to the order
    return event.content.text
