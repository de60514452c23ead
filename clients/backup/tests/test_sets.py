"""A set is whole or isn't there, tells when it was changed, opens for its keys, and goes into empty places only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_backup.errors import BackupRefused
from evote_backup.making import Wanted, make_set
from evote_backup.manifest import MANIFEST
from evote_backup.sealing import create_identity, parse_recipient, read_identity
from evote_ledger_anchor.monitor.memory import Memory, save_memory
from evote_tlog.cosignature import CosignerKey
from evote_witness.state import create_state

from .conftest import PEM, Operator, Said, fingerprint

SEALED = "keys-1.tar.gz.age"


def test_keys_come_back_as_they_were_and_lie_open_nowhere_in_the_set(operator: Operator) -> None:
    made = operator.made("--keys", operator.keys)
    assert not any(PEM in path.read_bytes() for path in made.iterdir())
    said = operator.restore(made, "--into", operator.directory / "back")
    assert said.status == 0, said.err
    assert "goes where it was" in said.out
    back = operator.directory / "back/keys-1/log-key.pem"
    assert back.read_bytes() == PEM
    assert back.stat().st_mode & 0o777 == 0o600


def test_a_check_says_how_old_a_set_is_what_is_in_it_and_that_its_seals_open(operator: Operator) -> None:
    made = operator.made("--keys", operator.keys)
    said = operator.check(made)
    assert said.status == 0, said.err
    assert "whole, and every seal opens" in said.out
    assert f"{SEALED}: keys of {operator.keys}" in said.out
    assert "0 h 0 min ago" in said.out
    assert fingerprint(made) in said.out
    assert operator.recipient in said.out
    closed = operator.run("check", made)
    assert (closed.status, "whole\n" in closed.out) == (0, True)


def test_a_set_can_be_opened_without_this_program(operator: Operator) -> None:
    """docs/runbooks/backup.md: age's own form, and tar's."""
    made = operator.made("--keys", operator.keys)
    identity = pyrage.x25519.Identity.from_str(operator.identity.read_text().strip())
    archive = pyrage.decrypt((made / SEALED).read_bytes(), [identity])
    listed = subprocess.run(["tar", "-tz"], input=archive, capture_output=True, check=True).stdout.decode()
    assert "./log-key.pem" in listed


def _flip(made: Path) -> None:
    content = bytearray((made / SEALED).read_bytes())
    content[-1] ^= 1
    (made / SEALED).write_bytes(content)


def _cut(made: Path) -> None:
    (made / SEALED).write_bytes((made / SEALED).read_bytes()[:-1])


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (_flip, f"{SEALED} has another content"),
        (_cut, f"{SEALED} has another content"),
        (lambda made: (made / SEALED).unlink(), f"{SEALED} is missing"),
        (lambda made: (made / "more").touch(), "more is no part of it"),
        (lambda made: (made / MANIFEST).unlink(), "it has no manifest.json"),
        (lambda made: (made / MANIFEST).write_text("{"), "is not one that this release reads"),
    ],
)
def test_a_changed_set_is_found_and_nothing_of_it_is_put_back(
    operator: Operator, tamper: Callable[[Path], Any], says: str
) -> None:
    made = operator.made("--keys", operator.keys)
    noted = fingerprint(made)
    tamper(made)
    checked = operator.run("check", made)
    assert (checked.status, says in checked.err) == (1, True), checked.err
    assert operator.restore(made, "--into", operator.directory / "back", noted=noted).status == 1
    assert not (operator.directory / "back").exists()


def test_one_damaged_set_hides_no_other(operator: Operator) -> None:
    damaged, whole = operator.made("--keys", operator.keys), operator.directory / "copy"
    shutil.copytree(damaged, whole)
    _flip(damaged)
    said = operator.check(damaged, whole)
    assert said.status == 1
    assert str(damaged) in said.err
    assert f"{whole}: whole" in said.out


def test_a_broken_seal_is_found_although_the_manifest_was_made_to_fit(operator: Operator) -> None:
    made = operator.made("--keys", operator.keys)
    noted = fingerprint(made)
    _flip(made)
    _fit_manifest(made)
    said = operator.check(made)
    assert (said.status, "its seal is broken" in said.err) == (1, True), said.err
    assert operator.restore(made, "--into", operator.directory / "back").status == 1
    assert not (operator.directory / "back").exists()
    said = operator.restore(made, "--into", operator.directory / "back", noted=noted)
    assert "which is not the one that you gave" in said.err


def test_a_set_that_somebody_else_sealed_to_our_public_key_is_not_put_back(operator: Operator, tmp_path: Path) -> None:
    noted = fingerprint(operator.made("--keys", operator.keys))
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/log-key.pem").write_text("a key that the forger knows")
    (tmp_path / "elsewhere").mkdir()
    forged, _ = make_set(
        Wanted(keys=[tmp_path / "theirs"]),
        tmp_path / "elsewhere",
        [parse_recipient(operator.recipient)],
        (datetime.now(UTC) + timedelta(days=1)).date(),
        lambda: datetime.now(UTC),
    )
    assert operator.check(forged).status == 0
    said = operator.restore(forged, "--into", tmp_path / "back", noted=noted)
    assert (said.status, "anybody can seal a set to a public key" in said.err) == (1, True)
    assert not (tmp_path / "back").exists()


def test_a_manifest_can_not_lead_out_of_its_folder(operator: Operator) -> None:
    made = operator.made("--keys", operator.keys)
    said = json.loads((made / MANIFEST).read_text())
    said["files"][0]["file"] = "../" + SEALED
    (made / MANIFEST).write_text(json.dumps(said))
    assert "is not one that this release reads" in operator.check(made).err


def test_another_key_opens_nothing(operator: Operator) -> None:
    made = operator.made("--keys", operator.keys)
    operator.identity = operator.directory / "another"
    create_identity(operator.identity)
    said = operator.check(made)
    assert (said.status, "this key doesn't open it" in said.err) == (1, True)
    assert operator.restore(made, "--into", operator.directory / "back").status == 1


def test_each_of_several_keys_opens_a_set_alone(operator: Operator) -> None:
    second = create_identity(operator.directory / "second")
    made = operator.made("--keys", operator.keys, "--to", str(second))
    assert operator.check(made).status == 0
    assert operator.run("check", made, "--identity", operator.directory / "second").status == 0


def test_nothing_is_written_over(operator: Operator) -> None:
    made, place = operator.made("--keys", operator.keys), operator.directory / "back"
    place.mkdir()
    (place / "newer").touch()
    said = operator.restore(made, "--into", place)
    assert (said.status, "never over anything" in said.err) == (1, True)
    assert [path.name for path in place.iterdir()] == ["newer"]


def test_a_set_with_folders_asks_where_they_go(operator: Operator) -> None:
    assert "--into" in operator.restore(operator.made("--keys", operator.keys)).err


def test_what_is_made_half_is_no_set(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed before the manifest: what a crash leaves is found, and is in nobody's way."""
    child = os.fork()
    if child == 0:
        monkeypatch.setattr("evote_backup.making._finish", lambda *_: os.kill(os.getpid(), 9))
        operator.make("--keys", operator.keys)
        os._exit(0)
    os.waitpid(child, 0)
    (left,) = operator.sets.iterdir()
    assert (left / SEALED).exists()
    assert "it was not finished; delete it" in operator.check(left).err
    assert "it was not finished" in operator.restore(left, noted="0" * 64).err
    assert operator.check(operator.made("--keys", operator.keys)).status == 0


def test_a_full_disk_leaves_nothing(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evote_backup.making._finish", full)
    said = operator.make("--keys", operator.keys)
    assert (said.status, "No space left" in said.err) == (1, True)
    assert list(operator.sets.iterdir()) == []


def test_what_the_program_that_copies_finds_wrong_makes_no_set(operator: Operator) -> None:
    program = operator.directory / "bin"
    program.mkdir()
    (program / "tar").write_text("#!/bin/sh\necho half\necho 'file changed as we read it' >&2\nexit 1\n")
    (program / "tar").chmod(0o755)
    said = _with_path(operator, operator.directory / "bin")
    assert (said.status, "file changed as we read it" in said.err) == (1, True), said.err
    assert list(operator.sets.iterdir()) == []


def test_a_missing_program_is_named_with_its_package(operator: Operator) -> None:
    (operator.directory / "nothing").mkdir()
    said = _with_path(operator, operator.directory / "nothing")
    assert (said.status, "tar is missing: install it" in said.err) == (1, True), said.err
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(operator.directory / "nothing"))
        assert "pg_dump is missing: install it (Debian: apt-get install postgresql-client)" in (
            operator.make("--schema", "auth").err
        )
    assert list(operator.sets.iterdir()) == []


def _with_path(operator: Operator, folder: Path) -> Said:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        return operator.make("--keys", operator.keys)


def test_a_witness_state_never_gets_into_a_backup(operator: Operator) -> None:
    key = Ed25519PrivateKey.generate().public_key()
    (operator.keys / "deep").mkdir()
    create_state(operator.keys / "deep/w.sqlite3", CosignerKey("w.example", key).text)
    said = operator.make("--keys", operator.keys)
    assert (said.status, "the state of a witness" in said.err, "deep/w.sqlite3" in said.err) == (1, True, True)
    assert "evote-witness keygen" in said.err
    assert list(operator.sets.iterdir()) == []


def test_a_witness_state_behind_a_link_never_gets_into_a_backup(operator: Operator) -> None:
    elsewhere = operator.directory / "witness"
    elsewhere.mkdir()
    create_state(elsewhere / "w.sqlite3", CosignerKey("w.example", Ed25519PrivateKey.generate().public_key()).text)
    (operator.keys / "linked").symlink_to(elsewhere)
    said = operator.make("--keys", operator.keys)
    assert (said.status, "linked/w.sqlite3: the state of a witness" in said.err) == (1, True)
    assert list(operator.sets.iterdir()) == []


@pytest.mark.parametrize("more", [{}, {"of_a_later_release": 1}])
def test_the_monitors_memory_never_gets_into_a_backup(operator: Operator, more: dict[str, int]) -> None:
    path = operator.keys / "monitor.json"
    save_memory(path, Memory("a note", {"kafka": "2026-11-29T00:00:00Z"}))
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    said = operator.make("--keys", operator.keys)
    assert (said.status, "the monitor's memory" in said.err) == (1, True)
    assert list(operator.sets.iterdir()) == []


def test_a_tokens_own_database_is_no_witness(operator: Operator) -> None:
    connection = sqlite3.connect(operator.keys / "token.sqlite3")
    connection.execute("CREATE TABLE objects (id INTEGER)")
    connection.commit()
    connection.close()
    (operator.keys / "roster.json").write_text('{"note": "of a person", "officers": []}')
    operator.made("--keys", operator.keys)


def test_secrets_that_are_links_are_copied_as_what_they_lead_to(operator: Operator) -> None:
    """As Kubernetes mounts them, and as who keeps a key elsewhere does: what the copy leads to may be gone by then."""
    secret, elsewhere = operator.directory / "secret", operator.directory / "elsewhere"
    (secret / "..data").mkdir(parents=True)
    (secret / "..data/key").write_bytes(PEM)
    (secret / "key").symlink_to("..data/key")
    elsewhere.write_bytes(PEM)
    (secret / "other").symlink_to(elsewhere)
    made = operator.made("--keys", secret)
    shutil.rmtree(secret)
    elsewhere.unlink()
    assert operator.restore(made, "--into", operator.directory / "back").status == 0
    for name in ("key", "other"):
        assert (operator.directory / "back/keys-1" / name).read_bytes() == PEM


@pytest.mark.parametrize("folder", ["gone", "empty"])
def test_a_folder_without_keys_is_no_backup(operator: Operator, folder: str) -> None:
    (operator.directory / "empty").mkdir()
    assert "has no files" in operator.make("--keys", operator.directory / folder).err
    assert "name what to back up" in operator.make().err


def test_a_set_ends_with_its_day(operator: Operator) -> None:
    made = operator.made("--keys", operator.keys, days=0)
    _fit_manifest(made, keep_until=(datetime.now(UTC) - timedelta(days=1)).date().isoformat())
    for said in (operator.check(made), operator.restore(made, "--into", operator.directory / "back")):
        assert (said.status, "what it holds is to be erased" in said.err) == (1, True)
    assert not (operator.directory / "back").exists()
    assert "is past already" in operator.make("--keys", operator.keys, days=-2).err


def test_the_key_file_is_its_owners_and_is_never_replaced(operator: Operator) -> None:
    place = operator.directory / "new-key"
    said = operator.run("keygen", "--identity", place)
    assert said.out.startswith("age1")
    assert place.stat().st_mode & 0o777 == 0o600
    assert "choose another file" in operator.run("keygen", "--identity", place).err
    assert said.out.strip() == str(read_identity(place).to_public())


def test_no_key_is_told_from_a_key(operator: Operator) -> None:
    assert "is no public key of age's" in operator.make("--to", "age1nonsense", "--keys", operator.keys).err
    operator.identity = operator.keys / "log-key.pem"
    assert "holds no secret key of age's" in operator.check(operator.sets).err
    with pytest.raises(BackupRefused):
        parse_recipient(operator.identity.read_text())


def _fit_manifest(made: Path, **changes: str) -> None:
    """Write a manifest that fits the files that are there, as whoever changed them could."""
    said = json.loads((made / MANIFEST).read_text()) | changes
    for file in said["files"]:
        file["sha256"] = hashlib.sha256((made / file["file"]).read_bytes()).hexdigest()
    (made / MANIFEST).write_text(json.dumps(said))
