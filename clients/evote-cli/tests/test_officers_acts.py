"""What the auditor of record finds in the sealed evidence of officers' acts."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest
import rfc8785
from evote_cli.errors import KeyOpensNone, ReleasesUnreadable
from evote_cli.officers_acts import LoggedAct, audit_acts, read_acts
from evote_local.people.staff import DEPLOYMENT, Staff, StaffMember
from evote_officers import acts
from evote_officers.acts import Act
from evote_officers.roster import parse_roster
from evote_platform.clock import utc_now
from nacl.public import PrivateKey, SealedBox

UUID = "4yP2vbZnkbxpPG"
KEY = PrivateKey.generate()
STAFF = Staff()
ROSTER = parse_roster(json.dumps({"deployment": DEPLOYMENT, "persons": [m.entry() for m in STAFF.members]}))


def logged(
    act: Act, by: Sequence[StaffMember], *, uuid: str = UUID, shown: str | None = "", offset: int = 0
) -> LoggedAct:
    """``shown`` is the body in the evidence; what was signed is an empty one."""
    path = act.path.replace(":path}", "}").replace("{election_uuid}", uuid).replace("{voter_id}", "1")
    first = by[0].officer.command(act, path, b"", reason="r", now=utc_now(), random=secrets.token_bytes)
    statements = [first, *(other.officer.cosign(first) for other in by[1:])]
    evidence = {"election_uuid": uuid, "statements": statements, "body": shown}
    sealed = SealedBox(KEY.public_key).encrypt(rfc8785.dumps(evidence))
    return LoggedAct(f"0:{offset}", hashlib.sha256(sealed).hexdigest(), sealed)


def findings(*found: LoggedAct) -> list[str]:
    return audit_acts(UUID, found, KEY, ROSTER).findings


def test_acts_of_officers_are_counted_once_however_often_the_log_names_them() -> None:
    enrolled = logged(acts.ORDER_ENROLMENT, [STAFF.tanaka, STAFF.ito])
    blocked = logged(acts.BLOCK_CARD, [STAFF.ito])
    imported = logged(acts.IMPORT_ROLL, [STAFF.sato], shown=None, offset=1)
    report = audit_acts(UUID, [enrolled, blocked, enrolled, imported], KEY, ROSTER)
    assert not report.findings
    assert report.counts == {act.title: 1 for act in (acts.ORDER_ENROLMENT, acts.BLOCK_CARD, acts.IMPORT_ROLL)}


def test_an_act_that_auth_made_up_is_found() -> None:
    mine = Staff()
    by_strangers = logged(acts.ORDER_ENROLMENT, [mine.tanaka, mine.ito])
    alone = logged(acts.ORDER_ENROLMENT, [STAFF.tanaka])
    other_role = logged(acts.BLOCK_CARD, [STAFF.sato])
    for act in (by_strangers, alone, other_role):
        assert "署名がない" in findings(act)[0]
    without = LoggedAct("0:1", "0" * 64, None)
    exchanged = LoggedAct("0:2", "0" * 64, alone.sealed)
    elsewhere = logged(acts.BLOCK_CARD, [STAFF.ito], uuid="1" * 14)
    other_body = logged(acts.BLOCK_CARD, [STAFF.ito], shown='{"decision":"approve"}')
    assert findings(without, exchanged, elsewhere, other_body) == [
        "証拠のない操作: 0:1",
        "記録されたものと違う証拠: 0:2",
        "別の選挙か、操作でないものへの署名: 0:0",
        "署名されたものと違う内容: 0:0",
    ]


def test_a_key_that_opens_nothing_says_so_instead_of_a_fault_for_each_act() -> None:
    act, without = logged(acts.BLOCK_CARD, [STAFF.ito]), LoggedAct("0:1", "0" * 64, None)
    with pytest.raises(KeyOpensNone, match="2 件の証拠を一つも開けません") as raised:
        audit_acts(UUID, [act, without, logged(acts.BLOCK_CARD, [STAFF.tanaka])], PrivateKey.generate(), ROSTER)
    assert raised.value.exit_status == 2


def test_an_act_that_is_sealed_to_another_among_those_that_open_is_a_finding() -> None:
    stranger = SealedBox(PrivateKey.generate().public_key).encrypt(b"{}")
    other = LoggedAct("0:7", hashlib.sha256(stranger).hexdigest(), stranger)
    assert findings(logged(acts.BLOCK_CARD, [STAFF.ito]), other) == ["この鍵では開けない証拠: 0:7"]


def test_a_download_that_breaks_off_is_none(tmp_path: Path) -> None:
    act = logged(acts.BLOCK_CARD, [STAFF.ito])
    assert act.sealed is not None
    line = {
        "partition": 0,
        "offset": 0,
        "evidence_sha256": act.evidence_sha256,
        "sealed": base64.b64encode(act.sealed).decode(),
    }
    path = tmp_path / "acts.ndjson"
    path.write_text(f'{json.dumps(line)}\n{{"acts": 1}}\n')
    assert read_acts(path) == [act]
    for broken in (f"{json.dumps(line)}\n", '{"acts": 1}\n', "", "x\n"):
        path.write_text(broken)
        with pytest.raises(ReleasesUnreadable):
            read_acts(path)
