"""Who can write where a set lies changes it between a check and what comes after: what is put back was checked."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from evote_backup import held, making
from evote_backup.errors import Damaged
from evote_backup.held import PIECE, held_file
from evote_backup.making import Wanted, make_set
from evote_backup.manifest import MANIFEST
from evote_backup.sealing import parse_recipient
from hypothesis import given
from hypothesis import strategies as st

from .conftest import PEM, Operator, fingerprint

SEALED = "keys-1.tar.gz.age"
RENAMED = 'cp "{forged}" "{target}.new" && mv "{target}.new" "{target}"'
LINKED = 'ln -sf "{forged}" "{target}"'
IN_PLACE = 'cat "{forged}" > "{target}"'


def forge(operator: Operator) -> Path:
    """A set of another key, sealed to the public recipient by whoever knows no more than that."""
    theirs, sets = operator.directory / "theirs", operator.directory / "forged"
    theirs.mkdir()
    sets.mkdir()
    (theirs / "log-key.pem").write_text("a key that the forger knows")
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    wanted, to = Wanted(keys=[theirs]), [parse_recipient(operator.recipient)]
    return make_set(wanted, sets, to, until, lambda: datetime.now(UTC))[0]


def swap_at(
    monkeypatch: pytest.MonkeyPatch, operator: Operator, program: str, option: str, swap: str, *, before: bool = False
) -> None:
    """Have somebody do ``swap`` when ``program`` was called with ``option``: behind it, or before it reads anything."""
    real, folder = shutil.which(program), operator.directory / "bin"
    folder.mkdir()
    first, last = (swap, f'exec {real} "$@"') if before else (f'{real} "$@" || exit', swap)
    (folder / program).write_text(
        f'#!/bin/sh\ncase " $* " in *" {option} "*)\n{first}\n{last}\nexit;; esac\nexec {real} "$@"\n'
    )
    (folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("swap", [RENAMED, LINKED])
def test_another_file_in_the_place_of_a_checked_one_changes_nothing(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, swap: str
) -> None:
    made, forged = operator.made("--keys", operator.keys), forge(operator)
    swap = swap.format(forged=forged / SEALED, target=made / SEALED)
    swap_at(monkeypatch, operator, "tar", "--list", swap)
    said = operator.restore(made, "--into", operator.directory / "restored")
    assert (made / SEALED).read_bytes() == (forged / SEALED).read_bytes(), "it was swapped"
    assert said.status == 0, said.err
    assert (operator.directory / "restored/keys-1/log-key.pem").read_bytes() == PEM


def test_a_checked_file_that_is_written_into_is_not_put_back(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, forged = operator.made("--keys", operator.keys), forge(operator)
    swap_at(monkeypatch, operator, "tar", "--list", IN_PLACE.format(forged=forged / SEALED, target=made / SEALED))
    said = operator.restore(made, "--into", operator.directory / "restored")
    assert (said.status, "somebody changed it while it was read" in said.err) == (1, True), said.err
    assert not list(operator.directory.glob("restored*"))


def test_what_is_changed_while_it_is_put_back_leaves_nothing(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the last piece of several, when the first are in tar's hands."""
    (operator.keys / "large").write_bytes(random.Random(1).randbytes(3 * PIECE))
    made = operator.made("--keys", operator.keys)
    end = (made / SEALED).stat().st_size - 1
    swap = f'printf X | dd of="{made / SEALED}" bs=1 seek={end} conv=notrunc 2>/dev/null'
    swap_at(monkeypatch, operator, "tar", "--extract", swap, before=True)
    said = operator.restore(made, "--into", operator.directory / "restored")
    assert (said.status, "somebody changed it while it was read" in said.err) == (1, True), said.err
    assert not list(operator.directory.glob("restored*"))


def test_another_manifest_in_the_place_of_the_one_that_was_compared_changes_nothing(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file that fits it, in the moment behind the manifest's reading."""
    made, forged = operator.made("--keys", operator.keys), forge(operator)
    noted, content, hashed = fingerprint(made), (made / MANIFEST).read_bytes(), hashlib.sha256

    def hashed_and_swapped(data: bytes = b"") -> object:
        if data == content:
            shutil.copytree(forged, made, dirs_exist_ok=True)
        return hashed(data)

    monkeypatch.setattr(hashlib, "sha256", hashed_and_swapped)
    said = operator.restore(made, "--into", operator.directory / "restored", noted=noted)
    assert (made / MANIFEST).read_bytes() == (forged / MANIFEST).read_bytes(), "it was swapped"
    assert (said.status, f"{SEALED} has another content" in said.err) == (1, True), said.err
    assert not (operator.directory / "restored").exists()


def test_a_fingerprint_is_told_of_what_was_compared(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    made, forged = operator.made("--keys", operator.keys), forge(operator)
    noted = fingerprint(made)
    swap = IN_PLACE.format(forged=forged / MANIFEST, target=made / MANIFEST)
    swap_at(monkeypatch, operator, "tar", "--extract", swap)
    said = operator.restore(made, "--into", operator.directory / "restored", noted=noted)
    assert (said.status, noted in said.out, fingerprint(made) in said.out) == (0, True, False), said.err


def test_the_fingerprint_to_note_is_of_what_was_made(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not of what somebody put in its place before it was printed."""
    forged, made_durable = forge(operator), making.sync_folder

    def durable_then_swapped(folder: Path) -> None:
        made_durable(folder)
        for made in folder.glob("*-keys"):
            shutil.copy(forged / MANIFEST, made / MANIFEST)

    monkeypatch.setattr(making, "sync_folder", durable_then_swapped)
    said = operator.make("--keys", operator.keys)
    made = Path(said.out.splitlines()[0])
    assert (made / MANIFEST).read_bytes() == (forged / MANIFEST).read_bytes(), "it was swapped"
    assert (said.status, fingerprint(made) in said.out) == (0, False)


@pytest.mark.parametrize("place", [SEALED, MANIFEST])
def test_what_is_a_link_is_no_part_of_a_set(operator: Operator, place: str) -> None:
    made = operator.made("--keys", operator.keys)
    (made / place).rename(operator.directory / "elsewhere")
    (made / place).symlink_to(operator.directory / "elsewhere")
    for said in (operator.check(made), operator.restore(made, "--into", operator.directory / "restored")):
        assert (said.status, f"{place} is not what was made: it is a link" in said.err) == (1, True), said.err


def test_nobody_waits_for_what_a_pipe_gives(operator: Operator) -> None:
    made = operator.made("--keys", operator.keys)
    (made / SEALED).unlink()
    os.mkfifo(made / SEALED)
    said = operator.check(made)
    assert (said.status, "it is no file" in said.err) == (1, True), said.err


def _truncated(path: Path, place: int) -> None:
    os.truncate(path, place)


def _written(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"another")


def _renamed(path: Path, place: int) -> None:
    other = path.with_name("other")
    other.write_bytes(b"another" * place)
    other.replace(path)


@given(
    content=st.binary(max_size=200),
    takes=st.lists(st.integers(1, 40), max_size=40),
    changes=st.lists(st.tuples(st.sampled_from([_truncated, _written, _renamed]), st.integers(0, 250)), max_size=3),
    at=st.integers(0, 40),
)
def test_a_reader_gets_the_beginning_of_what_was_held_and_all_of_it_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    takes: list[int],
    changes: list[tuple[Callable[[Path, int], None], int]],
    at: int,
) -> None:
    path = tmp_path_factory.mktemp("held") / "file"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held, "PIECE", 16)
        with held_file(path) as file:
            assert file.sha256 == hashlib.sha256(content).hexdigest()
            reader, got, refused = file.read_again(), b"", False
            with suppress(Damaged):
                for number, size in enumerate([*takes, -1, *[-1] * len(content)]):
                    if number == at:
                        for change, place in changes:
                            change(path, place)
                    got += reader.read(size)
                    assert content.startswith(got)
                refused = reader.changed is not None
                assert refused or got == content
    assert stat.S_ISREG(path.stat().st_mode)
