"""The report for people and files: one page that needs nothing but itself.

Texts of others pass through :func:`_said` alone: what isn't seen as itself is written as its number, and nothing is
markup. The page's own policy lets a browser load and run nothing, should that ever be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from evote_tlog.display import visible

from ..findings import Outcome, Tie
from ..report import Report, VerifiedArchive
from .text import choices
from .words import Words, not_checked, trustees_in_words, verdict

_STYLE = """
body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem }
th, td { border: 1px solid #bbb; padding: 0.3rem; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #f2f2f2 }
td.number { text-align: right }
p.verdict { font-size: 1.25rem; font-weight: bold; border-left: 0.5rem solid; padding: 0.5rem 1rem }
.holds { color: #06603a } .fails { color: #a3001b } .unfinished, .not-checked { color: #7a4b00 }
"""
_CLASSES = {
    Outcome.HOLDS: "holds",
    Outcome.FAILS: "fails",
    Outcome.UNFINISHED: "unfinished",
    Outcome.NOT_CHECKED: "not-checked",
}


def as_html(report: Report, words: Words) -> str:
    """The whole page."""
    parts = [_head(report, words)]
    if report.archive is not None:
        parts += [*_archive(report.archive, words), *_result(report.archive, words)]
    parts += [_ties(report, words), f"<h2>{words.label['warnings']}</h2>", _list(report.warnings, words)]
    body = "\n".join(parts)
    return f"""<!DOCTYPE html>
<html lang="{words.language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{words.title}</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _said(text: object) -> str:
    return escape(visible(str(text)))


def _head(report: Report, words: Words) -> str:
    rows = [
        (words.label["program"], f"evote-verify {report.version}"),
        (words.label["time"], report.time.isoformat(timespec="seconds")),
        *((words.label["arithmetic"], f"{group}: {who}") for group, who in report.arithmetic.items()),
    ]
    return (
        f"<h1>{words.title}</h1>\n"
        f'<p class="verdict {_CLASSES[report.outcome]}">{_said(verdict(report, words))}</p>\n{_facts(rows)}'
    )


def _archive(archive: VerifiedArchive, words: Words) -> Iterable[str]:
    label, found = words.label, archive.found
    rows = [(label["archive"], archive.place), (label["sha256"], f"{archive.sha256} ({archive.size} bytes)")]
    if found.election is not None:
        rows += [
            (label["election"], f"{found.election.name} ({found.election.uuid})"),
            (label["group"], found.election.group.name),
            (label["fingerprint"], found.election.fingerprint),
        ]
    if found.trustees is not None:
        rows.append((label["trustees"], trustees_in_words(found.trustees, words)))
    rows += [
        (label["stage"], words.stages[found.stage] if found.stage is not None else words.unreadable),
        (label["head"], found.head or "-"),
        (label["voters"], str(found.voters)),
        (label["credentials_sha256"], found.credentials_sha256 or "-"),
    ]
    yield _facts(rows)
    yield f"<h2>{label['checks']}</h2>"
    checks = [(words.steps[check.step], check.held, check.failed) for check in archive.checks]
    yield _table([label["check"], label["held"], label["failed"]], checks)
    if found.failures:
        yield f"<h2>{label['failures']}</h2>"
        yield _list([str(failure) for failure in found.failures], words)
    if found.trustees is not None:
        yield f"<h2>{label['trustees']}</h2>"
        members = [
            (number, member.name or "-", member.text, "○" if number in found.decrypted_by else "-")
            for number, member in enumerate(found.trustees.members, 1)
        ]
        yield _table([label["number"], label["name"], label["key"], label["decrypted"]], members)


def _result(archive: VerifiedArchive, words: Words) -> Iterable[str]:
    found = archive.found
    if found.result is None or found.election is None or found.failures:
        return
    yield f"<h2>{words.label['result']}</h2>"
    for question, counts in zip(found.election.questions, found.result, strict=True):
        yield _table([question.question, ""], list(zip(choices(question, words), counts, strict=True)))


def _ties(report: Report, words: Words) -> str:
    found = {finding.tie: finding for finding in report.findings}
    missing = not_checked(report, words)
    rows = []
    for tie in Tie:
        if tie in found:
            rows.append((tie, found[tie].outcome, found[tie].lines))
        elif tie in missing:
            rows.append((tie, Outcome.NOT_CHECKED, (missing[tie],)))
    cells = ""
    for tie, outcome, lines in rows:
        details = "<br>".join(_said(line) for line in lines)
        cells += f"<tr><td>{_said(words.ties[tie])}</td>"
        cells += f'<td class="{_CLASSES[outcome]}">{words.outcomes[outcome]}</td><td>{details}</td></tr>\n'
    names = (words.label["tie"], words.label["outcome"], words.label["details"])
    return f"<h2>{words.label['ties']}</h2>\n<table>\n{_names(names)}{cells}</table>"


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{_said(name)}</th><td>{_said(value)}</td></tr>\n" for name, value in rows)
    return f"<table>\n{cells}</table>"


def _table(names: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    cells = "".join(_row(row) for row in rows)
    return f"<table>\n{_names(names)}{cells}</table>"


def _names(names: Sequence[str]) -> str:
    cells = "".join(f"<th>{_said(name)}</th>" for name in names)
    return f"<tr>{cells}</tr>\n"


def _row(row: Sequence[str | int]) -> str:
    cells = "".join(
        f'<td class="number">{cell}</td>' if isinstance(cell, int) else f"<td>{_said(cell)}</td>" for cell in row
    )
    return f"<tr>{cells}</tr>\n"


def _list(texts: Sequence[str], words: Words) -> str:
    if not texts:
        return f"<p>{words.label['none']}</p>"
    items = "".join(f"<li>{_said(text)}</li>\n" for text in texts)
    return f"<ul>\n{items}</ul>"
