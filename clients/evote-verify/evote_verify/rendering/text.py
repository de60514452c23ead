"""The report for a terminal."""

from __future__ import annotations

from evote_belenios.election import Question
from evote_belenios.verify import VerificationReport
from evote_tlog.display import visible

from ..findings import Finding, Outcome, Tie
from ..language import Language
from ..report import Report, VerifiedArchive
from .words import Words, not_checked, trustees_in_words, verdict

_OUTCOME_WIDTH, _TIE_WIDTH = 13, 27


def as_text(report: Report, words: Words) -> str:
    """The whole report: what the archive is, what was found, what was not looked at, and the verdict."""
    lines: list[str] = []
    if report.archive is not None:
        lines += [*_election(report.archive.found, words), *_counts(report.archive, words)]
        if not report.archive.found.failures:
            lines += _result(report.archive.found, words)
        lines += [""]
    lines += [f"{words.note:<13}{warning}" for warning in report.warnings]
    lines += [""] if report.warnings else []
    lines += [_row("arithmetic", words, f"{group}: {who}") for group, who in report.arithmetic.items()]
    lines += [""] if report.arithmetic else []
    found = {finding.tie: finding for finding in report.findings}
    missing = not_checked(report, words)
    for tie in Tie:
        if tie in found:
            lines += _tie(found[tie], words)
        elif tie in missing:
            lines += _tie(Finding(tie, Outcome.NOT_CHECKED, (missing[tie],)), words)
    # Texts of others stand in many of these lines; a line of ours holds no character that needs it.
    return "\n".join(visible(line) for line in [*lines, "", verdict(report, words)])


def _tie(finding: Finding, words: Words) -> list[str]:
    outcome, name = words.outcomes[finding.outcome], words.ties[finding.tie]
    if words.language is Language.JAPANESE:  # columns of letters of two widths can't be aligned with spaces
        return [f"【{outcome}】{name}", *(f"    {line}" for line in finding.lines)]
    first, *others = finding.lines
    indent = " " * (_OUTCOME_WIDTH + _TIE_WIDTH)
    head = f"{outcome:<{_OUTCOME_WIDTH}}{name:<{_TIE_WIDTH}}{first}"
    return [head, *(f"{indent}{line}" for line in others)]


def _election(found: VerificationReport, words: Words) -> list[str]:
    if found.election is None:
        return []
    lines = [
        _row("election", words, f"{found.election.name} ({found.election.uuid})"),
        _row("group", words, found.election.group.name),
        _row("fingerprint", words, found.election.fingerprint),
    ]
    if found.trustees is not None:
        lines.append(_row("trustees", words, trustees_in_words(found.trustees, words)))
    return lines


def _counts(archive: VerifiedArchive, words: Words) -> list[str]:
    found = archive.found
    stage = words.stages[found.stage] if found.stage is not None else words.unreadable
    head = f"{found.head or '-'} (event {found.events - 1})" if found.events else "-"
    speed = f", {found.ballots / archive.seconds:.0f} ballots/s" if found.ballots and archive.seconds else ""
    if words.language is Language.JAPANESE:
        ballots = (
            f"票    有効 {found.ballots}：数える {found.counted}、置き換えられた {found.superseded}；"
            f"投票できる人数 {found.voters}"
        )
        decrypted = "復号した立会人    {}"
    else:
        ballots = (
            f"ballots      {found.ballots} valid: {found.counted} count, {found.superseded} superseded; "
            f"{found.voters} could vote"
        )
        decrypted = "decrypted by trustees {}"
    lines = [_row("stage", words, stage), _row("head", words, head), ballots]
    if found.decrypted_by:
        lines.append(decrypted.format(", ".join(str(trustee) for trustee in found.decrypted_by)))
    return [*lines, _row("duration", words, f"{archive.seconds:.1f} s{speed}"), f"SHA-256      {archive.sha256}"]


def _row(name: str, words: Words, text: str) -> str:
    label = words.label[name]
    return f"{label}    {text}" if words.language is Language.JAPANESE else f"{label:<13}{text}"


def _result(found: VerificationReport, words: Words) -> list[str]:
    if found.result is None or found.election is None:
        return []
    lines = []
    for question, counts in zip(found.election.questions, found.result, strict=True):
        lines += ["", question.question, *_rows(question, counts, words)]
    return lines


def _rows(question: Question, counts: tuple[int, ...], words: Words) -> list[str]:
    width = max(len(str(count)) for count in counts)
    return [f"  {count:>{width}}  {label}" for label, count in zip(choices(question, words), counts, strict=True)]


def choices(question: Question, words: Words) -> list[str]:
    """What a question's counts are of, in their order."""
    return [words.blank, *question.answers] if question.blank else list(question.answers)
