"""Before the close the public reads hashes in the place of ballots: what holds then, and what nobody may claim."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_officers.commands import ACCESS_SCHEME, statements_of, verify_access
from evote_officers.key_file import key_file_text
from evote_officers.roster import Person, Role, Roster
from evote_statements.keys import key_text
from evote_tlog.tiles import entries_path


def withhold(files: dict[str, bytes], records: Sequence[bytes], hidden: Collection[int]) -> dict[str, bytes]:
    """What the public is served of a log of at most 256 records."""
    entries = entries_path(0, len(records))
    shown = [b"" if index in hidden else record for index, record in enumerate(records)]
    bundle = b"".join(len(record).to_bytes(4, "big") + record for record in shown)
    kept = {path: content for path, content in files.items() if path != entries}
    return {**kept, entries.replace("entries", "records"): bundle}


@pytest.fixture
def voting(held) -> list[bytes]:
    """The log while people vote."""
    return held.records[: held.ballot_indexes[-1] + 1]


def test_during_the_vote_the_tree_is_verified_without_a_ballot(
    evote_verify, server, held, make, voting, log_key, receipt_file
) -> None:
    server.files = withhold(make.files(voting, log_key), voting, held.ballot_indexes)
    answer = evote_verify("--log", server.url, "--log-key", log_key.verifier.text, "--receipt", receipt_file())
    assert answer.status == 0, answer.report
    records = answer.tie("records - checkpoint")
    assert records.startswith("holds") and "5 of them by their hashes alone" in records
    for tie in ("log - its rules", "receipt - log"):
        assert answer.tie(tie).startswith("not checked"), answer.report


def test_a_hash_that_stands_for_no_record_of_the_log_is_found(
    evote_verify, server, held, make, voting, log_key
) -> None:
    files = withhold(make.files(voting, log_key), voting, held.ballot_indexes)
    path = next(path for path in files if path.startswith("tile/0/"))
    at = 32 * held.ballot_indexes[0]
    files[path] = files[path][:at] + bytes(32) + files[path][at + 32 :]
    server.files = files
    answer = evote_verify("--log", server.url, "--log-key", log_key.verifier.text)
    assert answer.status == 1
    assert "not with the signed root" in answer.tie("records - checkpoint")


def test_after_the_close_nothing_may_be_withheld(evote_verify, server, held, make, log_key) -> None:
    server.files = withhold(make.files(held.records, log_key), held.records, held.ballot_indexes[1:2])
    answer = evote_verify("--log", server.url, "--log-key", log_key.verifier.text)
    assert answer.status == 1
    assert answer.tie("records - checkpoint").startswith("FAILS")
    assert "no election is open" in answer.tie("records - checkpoint")


@pytest.fixture
def overlapping(held, other_held) -> tuple[list[bytes], list[int]]:
    """A log of an election that ended, and of one that is open and whose first ballot came before that end."""
    opened = other_held.records[: other_held.ballot_indexes[0]]
    early, late = (other_held.records[index] for index in other_held.ballot_indexes[:2])
    first = held.ballot_indexes[0]
    records = [*opened, *held.records[:first], early, *held.records[first:], late]
    return records, [len(opened) + first, len(records) - 1]


def test_no_archive_holds_that_a_record_nobody_may_see_could_belong_to(
    evote_verify, server, archive, make, log_key, overlapping
) -> None:
    """Whose ballot is withheld is the server's word: it could be one that the archive leaves out."""
    records, hidden = overlapping
    server.files = withhold(make.files(records, log_key), records, hidden)
    answer = evote_verify(archive, "--log", server.url, "--log-key", log_key.verifier.text)
    tie = answer.tie("archive - log")
    assert tie.startswith("not checked") and "1 records before its close are not public yet" in tie


def test_what_came_after_its_close_hides_nothing_of_an_archive(
    evote_verify, server, archive, make, log_key, overlapping
) -> None:
    records, hidden = overlapping
    server.files = withhold(make.files(records, log_key), records, hidden[1:])
    answer = evote_verify(archive, "--log", server.url, "--log-key", log_key.verifier.text)
    assert "is not what follows" not in answer.report
    assert not answer.tie("archive - log").startswith("not checked"), answer.report


def auditor(identifier: str, key: Ed25519PrivateKey) -> Person:
    return Person(
        id=identifier,
        name="監査人",
        roles=(Role.AUDITOR,),
        keys=(key_text(key.public_key()),),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_an_auditor_signs_every_question_for_itself(
    evote_verify, server, held, make, voting, log_key, tmp_path, monkeypatch
) -> None:
    key, file = Ed25519PrivateKey.generate(), tmp_path / "kato.key"
    file.write_text(key_file_text("d", "kato", key, "secret"))
    roster = Roster(deployment="d", persons=(auditor("kato", key),))
    server.files = make.files(voting, log_key)
    monkeypatch.setenv("EVOTE_OFFICER_PASSWORD", "secret")
    answer = evote_verify("--log", server.url, "--log-key", log_key.verifier.text, "--auditor-key", file)
    assert answer.status == 0
    assert answer.tie("log - its rules").startswith("holds")
    for path, header in zip(server.asked, server.accesses, strict=True):
        (statement,) = statements_of(ACCESS_SCHEME, header)
        asked = verify_access(
            statement,
            frozenset({Role.AUDITOR}),
            roster,
            service="ledger-anchor",
            path=f"/{path}",
            query="",
            now=make.moment,
        )
        assert asked.id == "kato"


def test_a_key_file_that_does_not_open_is_said_before_anything_is_asked(
    evote_verify, server, log_key, tmp_path, monkeypatch
) -> None:
    file, other = tmp_path / "kato.key", tmp_path / "other.key"
    file.write_text(key_file_text("d", "kato", Ed25519PrivateKey.generate(), "secret"))
    other.write_text("{}")
    monkeypatch.setenv("EVOTE_OFFICER_PASSWORD", "another")
    for given, said in ((file, "the password does not open"), (other, "is not a person's key file")):
        answer = evote_verify("--log", server.url, "--log-key", log_key.verifier.text, "--auditor-key", given)
        assert answer.status == 2 and said in answer.error
    assert server.asked == []
