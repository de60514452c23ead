"""A trustee's key on paper: what was written down gives the same key, and what was mistyped is found."""

from __future__ import annotations

import re
import secrets

import pytest
from evote_belenios.channel import TrusteeSecret
from evote_cli import trustee_commands
from evote_cli.errors import AnotherKeyOnPaper, CommandFailed, KeyFileExists, SheetRejected
from evote_cli.keyfile import read_key_file
from evote_cli.main import app
from evote_cli.paper import secret_on, sheets_of
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST
from typer.testing import CliRunner


def read(*sheets: str) -> TrusteeSecret:
    """Types these sheets one after the other, and stops at the first that is refused."""
    left = iter(sheets)

    def refuse(error: SheetRejected) -> None:
        raise error

    return secret_on(lambda number, needed: next(left), refuse)


@pytest.fixture(scope="module")
def secret() -> TrusteeSecret:
    return TrusteeSecret.generate(secrets.token_bytes)


def test_one_sheet_gives_the_key_back(secret) -> None:
    (sheet,) = sheets_of(secret, sheets=1, needed=1)
    assert read(sheet).reveal() == secret.reveal()
    assert read(sheet.upper().replace(" ", "\u3000")).reveal() == secret.reveal()
    numbered = " ".join(f"{at} {word}" for at, word in enumerate(sheet.split(), 1))
    assert read(numbered).reveal() == secret.reveal()


def test_any_two_of_three_sheets_give_the_key_back_and_one_does_not(secret) -> None:
    sheets = sheets_of(secret, sheets=3, needed=2)
    for left_out in range(3):
        chosen = [sheet for at, sheet in enumerate(sheets) if at != left_out]
        assert read(*chosen).reveal() == secret.reveal()
    with pytest.raises(StopIteration):
        read(sheets[0])


@settings(max_examples=25)
@given(data=st.data())
def test_up_to_three_wrong_words_are_found_for_certain(data, secret) -> None:
    (sheet,) = sheets_of(secret, sheets=1, needed=1)
    words = sheet.split()
    places = data.draw(st.sets(st.integers(0, len(words) - 1), min_size=1, max_size=3))
    for place in places:
        further = data.draw(st.integers(1, len(WORDLIST) - 1))
        words[place] = WORDLIST[(WORDLIST.index(words[place]) + further) % len(WORDLIST)]
    with pytest.raises(SheetRejected):
        read(" ".join(words))


def test_what_is_wrong_with_a_sheet_is_told_and_it_is_read_again(secret) -> None:
    first, second, _ = sheets_of(secret, sheets=3, needed=2)
    other = sheets_of(secret, sheets=3, needed=2)[0]
    left = iter([first.replace(first.split()[4], "tsukuba", 1), first.rsplit(" ", 1)[0], first, first, other, second])
    told: list[str] = []
    found = secret_on(lambda number, needed: next(left), lambda error: told.append(error.reason))
    assert found.reveal() == secret.reveal()
    for reason, expected in zip(told, ("「tsukuba」", "24 語", "同じ紙", "ほかの控え"), strict=True):
        assert expected in reason


def test_another_secret_than_a_key_is_refused() -> None:
    ((sheet,),) = generate_mnemonics(1, [(1, 1)], bytes(16), iteration_exponent=0)
    with pytest.raises(SheetRejected, match="立会人の鍵"):
        read(sheet)


@pytest.mark.parametrize(("sheets", "needed"), [(0, 0), (1, 2), (3, 1), (17, 2), (2, 0)])
def test_numbers_that_do_not_go_together_are_refused(secret, sheets: int, needed: int) -> None:
    with pytest.raises(CommandFailed, match="分け方"):
        sheets_of(secret, sheets=sheets, needed=needed)


def test_a_key_that_is_on_paper_alone_signs_and_decrypts(held, tmp_path, monkeypatch) -> None:
    """From the words on the screen to the result: nothing but paper and the public log is left of the trustee."""
    monkeypatch.setattr(trustee_commands._console, "width", 200)
    election, lost = held.election, held.trustees[0]

    def evote(*arguments: object, typed: str = "") -> str:
        done = CliRunner().invoke(app, ["trustee", *map(str, arguments)], input=typed)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    shown = evote("backup-key", "--key-file", lost.path, "--sheets", 3, "--needed", 2)
    assert lost.line in shown
    written = [" ".join(re.findall(r"\d+ ([a-z]+)", part)) for part in shown.split("枚目")[1:]]
    paper = "\n".join(written[1:]) + "\n"
    assert "正しく" in evote("check-backup", "--key-file", lost.path, typed=paper)
    with pytest.raises(AnotherKeyOnPaper):
        evote("check-backup", "--key-file", held.trustees[1].path, typed=paper)
    with pytest.raises(KeyFileExists):
        evote("restore-key", "--key-file", lost.path, typed=paper)

    election.hold_ceremony(held.trustees)
    election.freeze(1)
    election.open(held.trustees)
    election.vote()
    election.close()
    election.count()
    policy, archive, message = tmp_path / "policy", election.archive(tmp_path / "a.bel"), tmp_path / "message.json"
    policy.write_text(election.log.policy)
    secret, line = lost.secret.reveal(), lost.line
    lost.path.unlink()
    lost.keeper.path(election.election.uuid).unlink()

    key = tmp_path / "restored.key"
    assert line in evote("restore-key", "--key-file", key, typed=paper)
    assert read_key_file(key).reveal() == secret
    log = ("--key-file", key, "--log", election.log.folder)
    evote("restore-record", election.election.uuid, *log, "--witness-policy", policy, "--yes")
    evote("decrypt", *log, "--archive", archive, "--out", message)
    with trustee_commands.ServiceClient("http://tally.example", election.transport()) as client:
        sent = trustee_commands.read_message(message)
        client.put(sent.path, sent.body, pytest.fail)
    assert election.election.partial_decryptions.keys() == {1}
