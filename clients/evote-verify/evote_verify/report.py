"""What the auditor reads."""

from __future__ import annotations

from dataclasses import dataclass

from evote_belenios.archive import EventType
from evote_belenios.display import visible
from evote_belenios.election import Question
from evote_belenios.trustees import SingleTrustee, Trustees
from evote_belenios.verify import VerificationReport

from .findings import Finding, Outcome, Tie

_OUTCOME_WIDTH, _TIE_WIDTH = 13, 27

_STAGES = {
    EventType.SETUP: "set up; no ballot yet",
    EventType.BALLOT: "in progress: ballots are being cast",
    EventType.END_BALLOTS: "closed; not tallied yet",
    EventType.ENCRYPTED_TALLY: "tallied; not decrypted yet",
    EventType.PARTIAL_DECRYPTION: "being decrypted",
    EventType.RESULT: "complete",
}


_HOW_TO_CHECK = {
    Tie.RECEIPT_LOG: "give --receipt, and --log or --proof",
    Tie.ARCHIVE: "give the ARCHIVE",
    Tie.ARCHIVE_LOG: "give the ARCHIVE and --log",
    Tie.RECORDS: "give --log",
    Tie.WITNESSES: "give --log and --witness-policy",
    Tie.ETHEREUM: "give --log, --ethereum and --contract",
    Tie.FABRIC: "give --log and --fabric",
}
"""The ties that a report never passes over in silence."""
_REST_ON_LOG = frozenset({Tie.ARCHIVE_LOG, Tie.RECEIPT_LOG, Tie.WITNESSES, Tie.ETHEREUM, Tie.FABRIC})


@dataclass(frozen=True)
class Report:
    """What was found of every tie that was checked, in their order; and what the archive is, if one was given."""

    archive: VerificationReport | None
    seconds: float
    """How long the archive's verification took."""
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst that was found."""
        outcomes = {finding.outcome for finding in self.findings}
        if Outcome.FAILS in outcomes:
            return Outcome.FAILS
        return Outcome.UNFINISHED if Outcome.UNFINISHED in outcomes else Outcome.HOLDS


def describe(report: Report) -> str:
    """The whole report: what the archive is, what was found, what was not looked at, and the verdict."""
    lines: list[str] = []
    if report.archive is not None:
        lines += [*_election(report.archive), *_counts(report.archive, report.seconds)]
        if not report.archive.failures:
            lines += _result(report.archive)
        lines += ["", *(f"note         {warning}" for warning in report.archive.warnings)]
        lines += [""] if report.archive.warnings else []
    found = {finding.tie: finding for finding in report.findings}
    for tie in Tie:
        if tie in found:
            lines += _tie(found[tie])
        elif tie in _HOW_TO_CHECK:
            records = found.get(Tie.RECORDS)
            broken = tie in _REST_ON_LOG and records is not None and records.outcome is not Outcome.HOLDS
            how = f"it rests on the log ({Tie.RECORDS})" if broken else _HOW_TO_CHECK[tie]
            lines += _tie(Finding(tie, Outcome.NOT_CHECKED, (how,)))
    # Texts of others stand in many of these lines; a line of ours holds no character that needs it.
    return "\n".join(visible(line) for line in [*lines, "", _verdict(report)])


def _tie(finding: Finding) -> list[str]:
    first, *others = finding.lines
    indent = " " * (_OUTCOME_WIDTH + _TIE_WIDTH)
    head = f"{finding.outcome:<{_OUTCOME_WIDTH}}{finding.tie:<{_TIE_WIDTH}}{first}"
    return [head, *(f"{indent}{line}" for line in others)]


def _verdict(report: Report) -> str:
    others = [finding for finding in report.findings if finding.tie is not Tie.ARCHIVE]
    if report.outcome is Outcome.FAILS:
        failing = [finding.tie for finding in others if finding.outcome is Outcome.FAILS]
        if report.archive is not None and report.archive.failures:
            return "FAILED: this archive must not be relied upon" + "".join(f"; {tie}" for tie in failing)
        return f"FAILED: {'; '.join(failing)}"
    if report.outcome is Outcome.UNFINISHED:
        return "UNFINISHED: what was checked holds, but not all could be reached; run it again"
    everything = "everything that was checked holds" if others else "everything holds"
    if report.archive is not None and report.archive.stage is not EventType.RESULT:
        return f"VERIFIED so far: {everything} up to this stage"
    return f"VERIFIED: {everything}"


def _election(report: VerificationReport) -> list[str]:
    if report.election is None:
        return []
    lines = [
        f"election     {report.election.name} ({report.election.uuid})",
        f"group        {report.election.group.name}",
        f"fingerprint  {report.election.fingerprint}",
    ]
    if report.trustees is not None:
        lines.append(f"trustees     {_trustees(report.trustees)}")
    return lines


def _trustees(trustees: Trustees) -> str:
    parts = []
    for item in trustees.items:
        parts.append("1 mandatory" if isinstance(item, SingleTrustee) else f"{item.threshold} of {item.size}")
    return ", ".join(parts)


def _counts(report: VerificationReport, seconds: float) -> list[str]:
    stage = _STAGES[report.stage] if report.stage is not None else "unreadable"
    lines = [
        f"stage        {stage}",
        f"head         {report.head or '-'} (event {report.events - 1})" if report.events else "head         -",
        f"ballots      {report.ballots} valid: {report.counted} count, {report.superseded} superseded; "
        f"{report.voters} could vote",
    ]
    if report.decrypted_by:
        lines.append(f"decrypted by trustees {', '.join(str(trustee) for trustee in report.decrypted_by)}")
    speed = f", {report.ballots / seconds:.0f} ballots/s" if report.ballots and seconds else ""
    return [*lines, f"time         {seconds:.1f} s{speed}"]


def _result(report: VerificationReport) -> list[str]:
    if report.result is None or report.election is None:
        return []
    lines = []
    for question, counts in zip(report.election.questions, report.result, strict=True):
        lines += ["", question.question, *_rows(question, counts)]
    return lines


def _rows(question: Question, counts: tuple[int, ...]) -> list[str]:
    labels = ["(blank)", *question.answers] if question.blank else list(question.answers)
    width = max(len(str(count)) for count in counts)
    return [f"  {count:>{width}}  {label}" for label, count in zip(labels, counts, strict=True)]
