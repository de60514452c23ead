"""What the auditor reads."""

from __future__ import annotations

from evote_belenios.archive import EventType
from evote_belenios.election import Question
from evote_belenios.trustees import SingleTrustee, Trustees
from evote_belenios.verify import VerificationReport

_STAGES = {
    EventType.SETUP: "set up; no ballot yet",
    EventType.BALLOT: "in progress: ballots are being cast",
    EventType.END_BALLOTS: "closed; not tallied yet",
    EventType.ENCRYPTED_TALLY: "tallied; not decrypted yet",
    EventType.PARTIAL_DECRYPTION: "being decrypted",
    EventType.RESULT: "complete",
}


def describe(report: VerificationReport, seconds: float) -> str:
    """The whole report: what the archive is, what was found, and the result."""
    lines = [*_election(report), *_counts(report, seconds)]
    if report.failures:
        lines += ["", "FAILED: this archive must not be relied upon"]
        lines += [f"  {failure}" for failure in report.failures]
        return "\n".join(lines)
    lines += _result(report)
    complete = report.stage is EventType.RESULT
    verdict = "VERIFIED: everything holds" if complete else "VERIFIED so far: everything holds up to this stage"
    return "\n".join([*lines, "", verdict])


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
