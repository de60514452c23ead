"""What officers did at auth: the sealed evidence of each act, held against the auditor's own roster."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evote_officers.acts import find_act
from evote_officers.commands import CommandRefused, OfficerCommand, verify_signatures
from evote_officers.roster import Roster
from evote_statements.signed import StatementRefused, claimed_statement
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from .errors import KeyOpensNone, ReleasesUnreadable

_WITHOUT_EVIDENCE, _ANOTHER_EVIDENCE = "証拠のない操作", "記録されたものと違う証拠"
_UNTRIED = (_WITHOUT_EVIDENCE, _ANOTHER_EVIDENCE)
_SEALED_TO_ANOTHER = "この鍵では開けない証拠"


@dataclass(frozen=True)
class LoggedAct:
    """An act that the log names: where, and its sealed evidence; None when auth has none."""

    where: str
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


@dataclass(frozen=True)
class ActsReport:
    """How often each act was done, by its title, and what is wrong, a line each."""

    counts: Counter[str]
    findings: list[str]


def read_acts(path: Path) -> list[LoggedAct]:
    """The acts of a download; raises ``ReleasesUnreadable`` when it is none, or not whole."""
    try:
        *lines, end = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        if end != {"acts": len(lines)}:
            raise ReleasesUnreadable(path, "途中で切れています。もう一度取得してください")
        return [_logged(line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleasesUnreadable(path, type(error).__name__) from error


def audit_acts(election_uuid: str, acts: Iterable[LoggedAct], key: PrivateKey, roster: Roster) -> ActsReport:
    """Open each act's evidence and see who signed it.

    An act that the log names twice is one: auth names it again when the officers' command is sent again.

    Raises:
        KeyOpensNone: all that was there to open is sealed to another key: nothing can be said of the acts.
    """
    report, evidence_of = ActsReport(Counter(), []), dict[str, str]()
    tried = sealed_to_another = 0
    for act in acts:
        opened = _opened(election_uuid, act, key, roster)
        tried += opened not in _UNTRIED
        sealed_to_another += opened == _SEALED_TO_ANOTHER
        if isinstance(opened, str):
            report.findings.append(f"{opened}: {act.where}")
            continue
        command, title = opened
        if command.nonce not in evidence_of:
            report.counts[title] += 1
        if evidence_of.setdefault(command.nonce, act.evidence_sha256) != act.evidence_sha256:
            report.findings.append(f"一つの指示が二つの操作に使われている: {act.where}")
    if tried and sealed_to_another == tried:
        raise KeyOpensNone(sealed_to_another)
    return report


def _opened(election_uuid: str, act: LoggedAct, key: PrivateKey, roster: Roster) -> tuple[OfficerCommand, str] | str:
    """The command and the act's title; or what is wrong."""
    if act.sealed is None:
        return _WITHOUT_EVIDENCE
    if hashlib.sha256(act.sealed).hexdigest() != act.evidence_sha256:
        return _ANOTHER_EVIDENCE
    try:
        plain = SealedBox(key).decrypt(act.sealed)
    except CryptoError:
        return _SEALED_TO_ANOTHER
    try:
        evidence: dict[str, Any] = json.loads(plain)
        statements, body = [str(text) for text in evidence["statements"]], evidence["body"]
        command = claimed_statement(OfficerCommand, statements[0])
    except (ValueError, KeyError, IndexError, TypeError, StatementRefused):
        return "読めない証拠"
    commanded = find_act(command.service, command.method, command.path)
    if commanded is None or command.path.split("/")[2:3] != [election_uuid]:
        return "別の選挙か、操作でないものへの署名"
    if body is not None and hashlib.sha256(str(body).encode()).hexdigest() != command.body_sha256:
        return "署名されたものと違う内容"
    try:
        verify_signatures(statements, commanded, roster)
    except CommandRefused:
        return f"{commanded.title}に、あなたの職員名簿にある必要な人数の署名がない"
    return command, commanded.title


def _logged(line: dict[str, Any]) -> LoggedAct:
    sealed = line["sealed"]
    return LoggedAct(
        f"{line['partition']}:{line['offset']}",
        str(line["evidence_sha256"]),
        None if sealed is None else base64.b64decode(sealed, validate=True),
    )
