"""The report for programs. Nothing in it is translated; every character that isn't ASCII is written as its number."""

from __future__ import annotations

import json
from typing import Any

from evote_belenios.verify import VerificationReport

from ..report import Report, VerifiedArchive
from .words import ENGLISH, verdict

FORMAT = 1
"""Fields may be added; what is there keeps its meaning until this number changes."""


def as_json(report: Report) -> str:
    """One object; the fields are those of :class:`..report.Report`, named as the text report names them."""
    document = {
        "format": FORMAT,
        "program": {"name": "evote-verify", "version": report.version},
        "time": report.time.isoformat(),
        "status": report.status,
        "verdict": verdict(report, ENGLISH),
        "arithmetic": dict(report.arithmetic),
        "archive": None if report.archive is None else _archive(report.archive),
        "ties": [
            {"tie": finding.tie, "outcome": finding.outcome, "lines": list(finding.lines)}
            for finding in report.findings
        ],
        "warnings": list(report.warnings),
    }
    return json.dumps(document, indent=2)


def _archive(archive: VerifiedArchive) -> dict[str, Any]:
    found = archive.found
    return {
        "place": archive.place,
        "sha256": archive.sha256,
        "bytes": archive.size,
        "seconds": round(archive.seconds, 3),
        "stage": found.stage,
        "head": found.head,
        "events": found.events,
        "voters": found.voters,
        "credentials_sha256": found.credentials_sha256,
        "ballots": {"valid": found.ballots, "counted": found.counted, "superseded": found.superseded},
        "checks": [{"check": check.step, "held": check.held, "failed": check.failed} for check in archive.checks],
        "failures": [
            {
                "event": failure.event_index,
                "type": failure.event_type,
                "rule": failure.rule,
                "section": failure.section,
                "detail": failure.detail,
            }
            for failure in found.failures
        ],
        "election": _election(found),
        "trustees": _trustees(found),
        "result": _result(found),
    }


def _election(found: VerificationReport) -> dict[str, Any] | None:
    if found.election is None:
        return None
    return {
        "uuid": found.election.uuid,
        "name": found.election.name,
        "group": found.election.group.name,
        "fingerprint": found.election.fingerprint,
    }


def _trustees(found: VerificationReport) -> list[dict[str, Any]]:
    if found.trustees is None:
        return []
    return [
        {
            "number": item.first_index + place,
            "name": member.name,
            "public_key": member.text,
            "threshold": item.threshold,
            "of": len(item.members),
            "decrypted": item.first_index + place in found.decrypted_by,
        }
        for item in found.trustees.items
        for place, member in enumerate(item.members)
    ]


def _result(found: VerificationReport) -> list[dict[str, Any]] | None:
    """Nothing of an archive that fails: nobody should take a figure of it for a result."""
    if found.result is None or found.election is None or found.failures:
        return None
    return [
        {"question": question.question, "answers": list(question.answers), "blank": question.blank, "counts": counts}
        for question, counts in zip(found.election.questions, found.result, strict=True)
    ]
