"""Officers whose key is in a PKCS #11 token (SoftHSM), at the commands that they use."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_local.nodes.softhsm import SoftToken
from evote_officers import acts
from evote_officers.commands import verify_command
from evote_officers.roster import Role, parse_roster
from evote_officers.signing import Officer
from evote_platform.clock import utc_now
from evote_statements.keys import key_text

PATH = "/elections/4yP2vbZnkbxpPG/close"


SIGN = f"""
import secrets, sys
from pathlib import Path
from evote_cli.errors import CommandFailed
from evote_cli.officer_key import read_officer_key
from evote_officers import acts
from evote_platform.clock import utc_now

try:
    officer = read_officer_key(Path(sys.argv[1]), sys.argv[2])
except CommandFailed as failed:
    sys.exit(str(failed))
if len(sys.argv) > 3:
    print(officer.cosign(sys.argv[3]))
else:
    print(officer.command(acts.CLOSE, {PATH!r}, b"", reason="r", now=utc_now(), random=secrets.token_bytes))
"""


def run(token: SoftToken, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, as an officer's is: within one, a token that was opened once asks for no PIN, and a library
    that another test has started anew may take the process down."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **token.environment, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def token_keygen(token: SoftToken, file: Path, pin: str) -> subprocess.CompletedProcess[str]:
    where = ["--officer-key", str(file), "--module", str(token.module), "--token", token.label]
    person = ["--deployment", "rehearsal", "--officer", "sato"]
    command = ["-m", "evote_cli.main", "officer", "token-keygen", *where, *person]
    return run(token, *command, EVOTE_OFFICER_PASSWORD=pin)


def sign(token: SoftToken, file: Path, *first: str) -> str:
    """A signed command, or the second signature under a first one."""
    done = run(token, "-c", SIGN, str(file), pin_of(token), *first)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def pin_of(token: SoftToken) -> str:
    return token.pin_file.read_text().strip()


def test_an_officers_key_that_never_left_its_token_commands_as_one_in_a_file_does(
    soft_token: SoftToken, tmp_path: Path
) -> None:
    made = token_keygen(soft_token, tmp_path / "sato.key", pin_of(soft_token))
    assert made.returncode == 0, made.stderr
    other = Ed25519PrivateKey.generate()
    mori = Officer("rehearsal", "mori", other)
    common = {"roles": [Role.ELECTION_OFFICER], "valid_from": "2020-01-01T00:00:00Z"}
    persons = [
        {"id": name, "name": name, "keys": [key], **common}
        for name, key in (("sato", made.stdout.splitlines()[-1]), ("mori", key_text(other.public_key())))
    ]
    roster = parse_roster(json.dumps({"deployment": "rehearsal", "persons": persons}))
    from_token = sign(soft_token, tmp_path / "sato.key")
    from_file = mori.command(acts.CLOSE, PATH, b"", reason="r", now=utc_now(), random=secrets.token_bytes)
    for statements in (
        [from_token, mori.cosign(from_token)],
        [from_file, sign(soft_token, tmp_path / "sato.key", from_file)],
    ):
        given = verify_command(statements, acts.CLOSE, roster, path=PATH, body=b"", now=utc_now())
        assert {person.id for person in given.persons} == {"sato", "mori"}


def test_the_key_file_of_a_token_holds_no_secret_and_is_never_overwritten(
    soft_token: SoftToken, tmp_path: Path
) -> None:
    file = tmp_path / "sato.key"
    assert token_keygen(soft_token, file, pin_of(soft_token)).returncode == 0
    written = file.read_text()
    assert set(json.loads(written)["pkcs11"]) == {"module", "token", "key_id"}
    again = token_keygen(soft_token, file, pin_of(soft_token))
    assert again.returncode == 1
    assert file.read_text() == written


def test_what_a_token_refuses_is_told_in_words(soft_token: SoftToken, tmp_path: Path) -> None:
    file = tmp_path / "sato.key"
    wrong = token_keygen(soft_token, file, "00000000" if pin_of(soft_token) != "00000000" else "11111111")
    assert (wrong.returncode, file.exists()) == (1, False)
    assert "暗証番号が違います" in wrong.stderr
    place = {"module": str(soft_token.module), "token": soft_token.label, "key_id": "00"}
    for change, said in (
        ({"token": "elsewhere"}, "トークン elsewhere がありません"),
        ({}, "鍵ファイルの鍵がありません"),
        ({"module": str(tmp_path / "none.so")}, "応答しません"),
    ):
        file.touch(mode=0o600)
        file.write_text(json.dumps({"deployment": "d", "officer": "sato", "pkcs11": {**place, **change}}))
        refused = run(soft_token, "-c", SIGN, str(file), pin_of(soft_token))
        assert refused.returncode == 1 and said in refused.stderr
