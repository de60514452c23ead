"""The auditor's program, as an auditor runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from secrets import token_bytes

import pytest
from evote_belenios.archive import ArchiveReader, ArchiveWriter, NotAnArchive, Setup, open_archive
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Question, election_json, parse_election
from evote_belenios.groups import ED25519
from evote_belenios.jsontext import dump
from evote_belenios.result import compute_result
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json
from evote_belenios.verify import verify_archive
from evote_verify import verification
from evote_verify.main import main
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UUID = "2" * 14


NAME = "投票"
FORGED = f"{NAME}\nVERIFIED: everything holds\x1b[2J\x1b[8m\u202e\u2028\u200b\x9b"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive") / f"{UUID}.bel", NAME)


def write_archive(path: Path, name: str) -> Path:
    """One voter, one trustee, a whole election."""
    key = DecryptionKey.generate(ED25519, token_bytes)
    trustees = trustees_json([public_key_json(key, token_bytes)])
    parsed = parse_trustees(trustees, ED25519)
    text = election_json(
        group=ED25519,
        uuid=UUID,
        name=name,
        description="",
        questions=[Question("賛成ですか", ("はい", "いいえ"), True, 1, 1)],
        public_key=parsed.public_key_text,
        administrator="a",
        credential_authority="c",
    )
    election, credential = parse_election(text), generate(ED25519, token_bytes)
    ballot = generate_ballot(election, credential, [[0, 1, 0]], token_bytes)
    accumulator = EncryptedTallyAccumulator(election)
    accumulator.add(parse_ballot(election, ballot))
    tally = accumulator.encrypted_tally_json()
    decryption = partial_decryption(election, tally, key, token_bytes)
    with path.open("wb") as file:
        writer = ArchiveWriter(file, timestamp=1_700_000_000)
        writer.setup(text, trustees, dump([public_credential(credential, UUID, ED25519)]))
        writer.ballot(ballot)
        writer.end_ballots()
        writer.encrypted_tally(tally, accumulator.sized_json())
        writer.partial_decryption(1, decryption)
        writer.result(compute_result(election, parsed, tally, 1, {1: decryption}))
        writer.close()
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "evote_verify.main", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def test_a_valid_archive_gives_0_and_a_report(archive: Path) -> None:
    done = run(archive)
    assert done.returncode == 0
    for part in ("投票", "1 count", "1  はい", "0  いいえ", "VERIFIED: everything holds"):
        assert part in done.stdout
    assert "verifying" in done.stderr, "the progress bar goes to standard error"


def test_a_changed_archive_gives_1_and_names_event_rule_and_section(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    result = content.rindex(b'{"result"')
    changed = tmp_path / "changed.bel"
    changed.write_bytes(content[:result] + content[result:].replace(b"[0,1,0]", b"[1,0,0]", 1))
    done = run(changed)
    assert done.returncode == 1
    assert "FAILED" in done.stdout and "event 5" in done.stdout and "data-hash" in done.stdout
    assert "(specification: " in done.stdout


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", bytes(10_000)])
def test_a_file_that_is_no_archive_gives_2(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    done = run(path)
    assert done.returncode == 2 and "not an election archive" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_can_not_be_read_gives_2(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        done = run(path)
        assert done.returncode == 2 and "Traceback" not in done.stderr


def test_an_election_that_goes_on_is_verified_so_far(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    begun = tmp_path / "begun.bel"
    # Up to and with the ballot's event: the archive of that moment.
    end = content.index(b'"type":"Ballot"')
    begun.write_bytes(content[: end - end % 512 + 512])
    done = run(begun)
    assert done.returncode == 0 and "VERIFIED so far" in done.stdout and "in progress" in done.stdout


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 2**20), byte=st.integers(1, 255))
def test_every_single_changed_byte_is_found(archive: Path, tmp_path: Path, position: int, byte: int) -> None:
    content = bytearray(archive.read_bytes())
    content[position % len(content)] ^= byte
    changed = tmp_path / "changed.bel"
    changed.write_bytes(bytes(content))
    try:
        with open_archive(changed) as file:
            assert verify_archive(file, processes=1, progress=lambda _done, _total: None).failures
    except NotAnArchive:
        return


def test_a_name_can_not_write_another_verdict(tmp_path: Path) -> None:
    done = run(write_archive(tmp_path / "forged.bel", FORGED))
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("VERIFIED")] == ["VERIFIED: everything holds"]
    assert f"election     {NAME}\\u{{a}}VERIFIED: everything holds\\u{{1b}}[2J" in done.stdout
    assert all(character.isprintable() or character == "\n" for character in done.stdout)


def test_a_refusal_shows_no_control_character_of_a_files_name(tmp_path: Path) -> None:
    done = run(tmp_path / "no\x1b[2J.bel")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr and "\\u{1b}" in done.stderr


@pytest.mark.parametrize(("part", "other"), [('"version":1', '"version":0'), ('"Ed25519"', '"RFC-3526-2048"')])
def test_what_is_not_supported_gives_2(archive: Path, tmp_path: Path, part: str, other: str) -> None:
    with open_archive(archive) as file:
        setup = next(iter(ArchiveReader(file))).content
    assert isinstance(setup, Setup)
    path = tmp_path / "other.bel"
    with path.open("wb") as file:
        writer = ArchiveWriter(file, timestamp=1_700_000_000)
        writer.setup(setup.election.replace(part, other), setup.trustees, setup.credentials)
        writer.close()
    done = run(path)
    assert done.returncode == 2 and "is not supported" in done.stderr and "VERIFIED" not in done.stdout


def test_a_report_that_can_not_be_written_decides_nothing(archive: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(archive), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3 and "says nothing of the election" in done.stderr


def test_a_reader_that_went_away_decides_nothing(archive: Path) -> None:
    with subprocess.Popen(command(archive), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        assert program.stdout is not None
        program.stdout.close()
    assert program.returncode == 3


def test_a_terminal_that_has_no_japanese_gets_the_report_all_the_same(archive: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command(archive), env=environment, capture_output=True, check=False)
    assert done.returncode == 0 and b"VERIFIED: everything holds" in done.stdout


def test_a_machine_without_memory_decides_nothing(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(verification, "verify_archive", exhausted)
    monkeypatch.setattr(sys, "argv", ["evote-verify", str(archive)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
