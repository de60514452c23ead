"""A trustee's steps: the key stays here, and a server that shows another history is found out."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from evote_belenios.archive import ArchiveWriter
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Question, election_json, parse_election
from evote_belenios.groups import ED25519, group_by_name
from evote_belenios.jsontext import dump
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import parse_trustees
from evote_cli.errors import KeyFileExists, KeyFileUnreadable, MaterialRejected, NothingToDo
from evote_cli.keyfile import RecordKeeper, create_key_file, read_key_file
from evote_cli.material import CEREMONY_STEPS, Message, parse_message
from evote_cli.trustee import next_step, partial_decryption, sign_step
from evote_tally.domain.ceremony import current_step, trustees_json_of


def sign(tally, key_files: list[Path], trustee: int, **forged: str) -> Message:
    path = key_files[trustee - 1]
    secret = read_key_file(path) if path.exists() else create_key_file(path, secrets.token_bytes)
    return sign_step(secret, RecordKeeper(path), tally.material(trustee, **forged), secrets.token_bytes)


def until(tally, key_files: list[Path], step: str) -> None:
    """Everybody does the steps before ``step``."""
    for _ in CEREMONY_STEPS[: CEREMONY_STEPS.index(step)]:
        for trustee in range(1, tally.trustees + 1):
            tally.receive(sign(tally, key_files, trustee))


@pytest.mark.parametrize(("trustees", "threshold"), [(3, 2), (5, 3)])
def test_four_steps_of_everybody_complete_the_ceremony(new_tally, key_files, trustees, threshold) -> None:
    tally = new_tally(trustees, threshold)
    for _ in CEREMONY_STEPS:
        for trustee in range(1, trustees + 1):
            tally.receive(sign(tally, key_files, trustee))
    assert current_step(tally.election) is None
    with pytest.raises(NothingToDo):
        next_step(tally.material(1))


def test_a_step_that_is_repeated_gives_the_same_message(tally, key_files) -> None:
    for _ in CEREMONY_STEPS:
        messages = [sign(tally, key_files, trustee) for trustee in (1, 2, 3)]
        assert [sign(tally, key_files, trustee) for trustee in (1, 2, 3)] == messages
        for message in messages:
            tally.receive(message)


def test_nobody_commits_before_all_certificates_are_there(tally, key_files) -> None:
    tally.receive(sign(tally, key_files, 1))
    with pytest.raises(NothingToDo, match="番号 2, 3"):
        sign(tally, key_files, 1)


def test_nobody_reveals_before_all_have_committed(tally, key_files) -> None:
    until(tally, key_files, "commitment")
    tally.receive(sign(tally, key_files, 1))
    with pytest.raises(NothingToDo, match="番号 2, 3"):
        sign(tally, key_files, 1)


def test_a_certificate_that_changes_after_the_commitment_is_found_out(tally, key_files, new_tally) -> None:
    until(tally, key_files, "polynomial")
    foreign = new_tally(3, 2)
    other = [path.with_suffix(".other") for path in key_files]
    until(foreign, other, "commitment")
    with pytest.raises(MaterialRejected, match="証明書"):
        sign(tally, key_files, 1, certificate=foreign.material(1).trustees[2].certificate)


def test_a_commitment_that_changes_after_the_reveal_is_found_out(tally, key_files) -> None:
    until(tally, key_files, "voutput")
    with pytest.raises(MaterialRejected, match="コミットメント"):
        sign(tally, key_files, 1, commitment="0" * 64)


def test_a_polynomial_that_was_not_committed_to_is_found_out(tally, key_files) -> None:
    until(tally, key_files, "voutput")
    shown = tally.material(1).trustees[2].polynomial
    with pytest.raises(MaterialRejected, match="polynomial-commitment"):
        sign(tally, key_files, 1, polynomial=f"{shown} ")


def test_an_own_message_that_is_exchanged_is_found_out(tally, key_files) -> None:
    until(tally, key_files, "polynomial")
    with pytest.raises(MaterialRejected, match="すり替え"):
        sign(tally, key_files, 3, commitment="0" * 64)


def test_a_lost_record_stops_the_reveal(tally, key_files) -> None:
    until(tally, key_files, "polynomial")
    RecordKeeper(key_files[0]).path(tally.election.uuid).unlink()
    with pytest.raises(MaterialRejected, match="記録がありません"):
        sign(tally, key_files, 1)


def test_the_key_and_the_record_are_readable_by_their_owner_alone(tally, key_files) -> None:
    until(tally, key_files, "polynomial")
    files = list(key_files[0].parent.iterdir())
    assert len(files) == 6
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key_file(tmp_path / "key", secrets.token_bytes)
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(KeyFileExists):
        create_key_file(tmp_path / "key", secrets.token_bytes)
    assert (tmp_path / "key").read_bytes() == before


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    create_key_file(tmp_path / "key", secrets.token_bytes)
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(KeyFileUnreadable, match="chmod 600"):
        read_key_file(tmp_path / "key")


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"short"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyFileUnreadable):
        read_key_file(path)


def test_no_message_shows_the_key(tally, key_files) -> None:
    until(tally, key_files, "voutput")
    secret = read_key_file(key_files[0])
    shown = [tally.material(1).own, sign(tally, key_files, 1)]
    assert secret.reveal() not in repr(shown)
    assert secret.reveal() not in repr(secret)


def test_a_message_survives_its_file(tally, key_files) -> None:
    message = sign(tally, key_files, 1)
    assert parse_message(message.to_json()) == message


@pytest.mark.parametrize("uuid", ["../../etc/passwd", "", "0" * 14, 7])
def test_an_identifier_that_would_leave_the_folder_is_refused(tally, key_files, uuid) -> None:
    message = sign(tally, key_files, 1)
    with pytest.raises(MaterialRejected):
        parse_message(replace(message, election_uuid=uuid).to_json())


def test_both_groups_have_the_same_steps(new_tally, key_files) -> None:
    tally = new_tally(3, 2, "BELENIOS-2048")
    until(tally, key_files, "voutput")
    tally.receive(sign(tally, key_files, 2))
    assert tally.election.voutputs.keys() == {2}
    assert group_by_name(tally.material(1).group).name == "BELENIOS-2048"


def tallied_archives(tally, folder: Path) -> list[tuple[Path, str]]:
    """Two archives that hold, of one ballot and of two, each with its encrypted tally: together they tell a vote."""
    uuid, trustees = tally.election.uuid, trustees_json_of(tally.election)
    question = Question("賛成ですか", ("賛成", "反対"), True, 1, 1)
    text = election_json(
        group=ED25519,
        uuid=uuid,
        name="住民投票",
        description="",
        questions=[question],
        public_key=ED25519.encode(parse_trustees(trustees, ED25519).public_key),
        administrator="a",
        credential_authority="c",
    )
    election = parse_election(text)
    private = [generate(ED25519, secrets.token_bytes) for _ in range(2)]
    public = sorted(public_credential(credential, uuid, ED25519) for credential in private)
    ballots = [generate_ballot(election, credential, [[0, 1, 0]], secrets.token_bytes) for credential in private]
    archives = []
    for count in (1, 2):
        accumulator, path = EncryptedTallyAccumulator(election), folder / f"{count}.bel"
        with path.open("wb") as file:
            writer = ArchiveWriter(file, timestamp=1_700_000_000)
            writer.setup(text, trustees, dump(public))
            for ballot in ballots[:count]:
                writer.ballot(ballot)
                accumulator.add(parse_ballot(election, ballot))
            writer.end_ballots()
            writer.encrypted_tally(accumulator.encrypted_tally_json(), accumulator.sized_json())
            writer.close()
        archives.append((path, accumulator.encrypted_tally_json()))
    return archives


def test_the_tally_that_was_verified_is_the_one_that_is_decrypted_whatever_takes_the_files_name(
    tally, key_files, tmp_path: Path
) -> None:
    until(tally, key_files, "voutput")
    for trustee in (1, 2, 3):
        tally.receive(sign(tally, key_files, trustee))
    (path, encrypted_tally), (other, _) = tallied_archives(tally, tmp_path)

    def exchanged_at_the_end(done: int, total: int) -> None:
        if done == total:
            other.replace(path)

    secret, keeper = read_key_file(key_files[0]), RecordKeeper(key_files[0])
    partial_decryption(secret, keeper, path, secrets.token_bytes, processes=1, progress=exchanged_at_the_end)
    assert not other.exists(), "the file was exchanged"
    decrypted = keeper.find(tally.election.uuid).decrypted_tally_sha256
    assert decrypted == hashlib.sha256(encrypted_tally.encode()).hexdigest()
