"""Going on from what was verified before: only what is new is verified, and nothing of the old can have changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_belenios import admission
from evote_belenios.verify import workers
from evote_tlog.checkpoint import SigningKey


class Work:
    """What was done of that which takes long."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ballots: list[str] = []
        self.orders = 0
        examine, verify = workers.examine_ballots, admission.verify_order

        def counted(election, texts):
            self.ballots += texts
            return examine(election, texts)

        def counted_order(*arguments, **named):
            self.orders += 1
            return verify(*arguments, **named)

        patch.setattr(workers, "examine_ballots", counted)
        patch.setattr(admission, "verify_order", counted_order)

    def take(self) -> tuple[list[str], int]:
        done = self.ballots, self.orders
        self.ballots, self.orders = [], 0
        return done


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


@pytest.fixture
def at_noon(held, make, log_key, server, tmp_path: Path) -> tuple[Path, int]:
    """An archive of two ballots, and the log of that moment on the server; its size."""
    size = held.ballot_indexes[1] + 1
    server.files = make.files(held.records[:size], log_key)
    return held.write_archive(tmp_path / "noon.bel", held.ballots[:2], until="ballots"), size


@pytest.fixture
def resume(tmp_path: Path) -> Path:
    return tmp_path / "verified.json"


@pytest.fixture
def given(server, log_key, resume) -> Callable[[Path], list[object]]:
    return lambda archive: [archive, "--log", server.url, "--log-key", log_key.verifier.text, "--resume", resume]


def test_a_second_run_verifies_what_is_new(
    evote_verify, held, make, log_key, server, archive, at_noon, given, resume, work
) -> None:
    noon, size = at_noon
    assert evote_verify(*given(noon)).status == 0
    assert work.take() == (held.ballots[:2], 2)
    kept = json.loads(resume.read_text())
    assert (kept["archive"]["events"], kept["log"]["size"]) == (3, size)
    server.files = make.files(held.records, log_key)
    answer = evote_verify(*given(archive))
    assert answer.status == 0 and work.take() == (held.ballots[2:], 3)
    assert "the first 2 ballots" in answer.tie("prefix - verified before")
    said = json.loads(evote_verify(*given(archive), "--json").report)
    assert said["status"] == 0 and work.take() == ([], 0)
    assert said["archive"]["result"][0]["counts"] == [0, 4, 0]
    assert said["archive"]["ballots"] == {"valid": 5, "counted": 4, "superseded": 1}


def test_what_is_taken_on_the_files_word_is_said_in_every_report(evote_verify, archive, resume, tmp_path) -> None:
    """Whoever can write the auditor's file can have proofs skipped, and never without the report saying so."""
    assert evote_verify(archive, "--resume", resume).status == 0
    page = tmp_path / "report.html"
    answer = evote_verify(archive, "--resume", resume, "--html", page)
    said = json.loads(evote_verify(archive, "--resume", resume, "--json").report)
    for report in (answer.report, page.read_text(), *said["warnings"]):
        assert "the proofs of the first 5 ballots hold on the word of" in report
    assert not json.loads(evote_verify(archive, "--json").report)["warnings"]


def test_whose_word_stands_for_the_beginning_is_still_said_after_another_program_went_on(
    evote_verify, archive, resume
) -> None:
    """An auditor who wants the reference's word must not take the core's for it, nor a new release's for an old's."""
    assert evote_verify(archive, "--resume", resume).status == 0
    kept = json.loads(resume.read_text())
    resume.write_text(json.dumps(kept | {"program": "evote-verify 0.0.1", "arithmetic": "Ed25519: another"}))
    for _ in range(3):
        said = evote_verify(archive, "--resume", resume).tie("prefix - verified before")
        assert "by evote-verify 0.0.1" in said and "Ed25519: another" in said
    again = json.loads(resume.read_text())
    assert again["program"] == f"evote-verify 0.0.1; {kept['program']}"
    assert again["arithmetic"] == f"Ed25519: another; {kept['arithmetic']}"


def test_a_file_that_tells_of_fewer_ballots_than_rest_on_it_is_found(evote_verify, archive, resume, work) -> None:
    assert evote_verify(archive, "--resume", resume).status == 0
    work.take()
    edited = json.loads(resume.read_text())
    edited["archive"]["ballots"] = 0
    resume.write_text(json.dumps(edited))
    answer = evote_verify(archive, "--resume", resume)
    assert answer.status == 1 and "0 ballots were verified before" in answer.tie("prefix - verified before")
    assert len(work.take()[0]) == 5, "everything was verified anew"


def test_a_ballot_that_was_verified_and_is_another_now_is_found(
    evote_verify, held, at_noon, resume, tmp_path, work
) -> None:
    """The server writes a whole archive anew, whose own chain and proofs hold."""
    noon, _ = at_noon
    assert evote_verify(noon, "--resume", resume).status == 0
    before = resume.read_text()
    work.take()
    ballots = [held.ballots[0], held.ballots[2], held.ballots[1]]
    changed = held.write_archive(tmp_path / "changed.bel", ballots, until="ballots")
    assert evote_verify(changed).status == 0
    work.take()
    answer = evote_verify(changed, "--resume", resume)
    assert answer.status == 1 and "not those that were verified before" in answer.tie("prefix - verified before")
    assert work.take()[0] == ballots, "everything was verified anew"
    assert resume.read_text() == before


def test_an_archive_that_has_less_than_was_verified_is_found(evote_verify, held, at_noon, resume, tmp_path) -> None:
    noon, _ = at_noon
    assert evote_verify(noon, "--resume", resume).status == 0
    shorter = held.write_archive(tmp_path / "shorter.bel", held.ballots[:1], until="ballots")
    answer = evote_verify(shorter, "--resume", resume)
    assert answer.status == 1 and "3 events were verified before, and now there are 2" in answer.report


def test_a_damaged_beginning_is_found(evote_verify, archive, resume) -> None:
    assert evote_verify(archive, "--resume", resume).status == 0
    content = bytearray(archive.read_bytes())
    content[content.index(b'"answers"', content.index(b'"credential"')) + 12] ^= 1
    archive.write_bytes(content)
    answer = evote_verify(archive, "--resume", resume)
    assert answer.status == 1 and "damaged before event" in answer.tie("prefix - verified before")


def test_a_record_that_was_verified_and_is_another_now_is_found(
    evote_verify, held, make, log_key, server, at_noon, given, resume, archive
) -> None:
    """The log's own key signs the new past."""
    noon, size = at_noon
    assert evote_verify(*given(noon)).status == 0
    before = resume.read_text()
    first, second = held.ballot_indexes[:2]
    records = list(held.records)
    records[first], records[second] = records[second], records[first]
    server.files = make.files(records, log_key)
    answer = evote_verify(*given(archive))
    assert answer.status == 1 and f"the first {size} records are not those" in answer.tie("records - checkpoint")
    assert resume.read_text() == before


def test_a_log_that_was_rolled_back_is_found(evote_verify, held, make, log_key, server, at_noon, given, resume) -> None:
    noon, size = at_noon
    assert evote_verify(*given(noon)).status == 0
    server.files = make.files(held.records[: size - 1], log_key)
    answer = evote_verify("--log", server.url, "--log-key", log_key.verifier.text, "--resume", resume)
    assert answer.status == 1 and f"{size} records were verified before" in answer.report


def test_what_was_withheld_was_not_verified(evote_verify, held, make, log_key, server, at_noon, given, resume) -> None:
    size = held.ballot_indexes[1] + 1
    records = [b"" if index in held.ballot_indexes else record for index, record in enumerate(held.records[:size])]
    withheld = make.files(records, log_key)
    server.files |= {
        path: content for path, content in withheld.items() if path.startswith(("tile/entries", "tile/records"))
    }
    answer = evote_verify("--log", server.url, "--log-key", log_key.verifier.text, "--resume", resume)
    assert answer.status == 0, answer.report
    assert json.loads(resume.read_text())["log"]["size"] == held.ballot_indexes[0]


def test_what_was_verified_is_not_forgotten_when_it_is_withheld_again(
    evote_verify, held, make, log_key, server, at_noon, given, resume
) -> None:
    noon, size = at_noon
    assert evote_verify(*given(noon)).status == 0
    records = [b"" if index in held.ballot_indexes else record for index, record in enumerate(held.records[:size])]
    for path, content in make.files(records, log_key).items():
        if path.startswith(("tile/entries", "tile/records")):
            server.files[path] = content
    options = ["--log", server.url, "--log-key", log_key.verifier.text, "--resume", resume]
    assert evote_verify(*options).status == 0
    assert json.loads(resume.read_text())["log"]["size"] == size


@pytest.mark.parametrize("what", ["election", "log"])
def test_a_file_of_another_election_or_log_is_refused(
    evote_verify, held, other_held, make, server, log, log_key, archive, resume, tmp_path, what
) -> None:
    if what == "election":
        assert evote_verify(other_held.write_archive(tmp_path / "other.bel"), "--resume", resume).status == 0
        answer = evote_verify(archive, "--resume", resume)
    else:
        assert evote_verify("--log", log.url, "--log-key", log_key.verifier.text, "--resume", resume).status == 0
        other = SigningKey(make.origin, Ed25519PrivateKey.from_private_bytes(bytes(32)))
        server.files = make.files(held.records, other)
        answer = evote_verify("--log", server.url, "--log-key", other.verifier.text, "--resume", resume)
    assert answer.status == 2 and "keep a file for each" in answer.error and not answer.report


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text[:-9],
        lambda text: text.replace('"events":10', '"events":-10'),
        lambda text: text.replace('"events":10', '"events":"10"'),
        lambda text: text.replace('"head":"', '"head":"x'),
        lambda text: text.replace('"format":1', '"format":2'),
        lambda text: text.replace('"log":null', '"log":null,"more":1'),
        lambda text: text.replace('"log":null', '"log":[]'),
        lambda _: "\0",
        lambda _: "[]",
    ],
)
def test_a_file_that_is_none_is_refused(evote_verify, archive, resume, edit) -> None:
    assert evote_verify(archive, "--resume", resume).status == 0
    edited = edit(resume.read_text())
    assert edited != resume.read_text()
    resume.write_text(edited)
    answer = evote_verify(archive, "--resume", resume)
    assert answer.status == 2 and str(resume) in answer.error and not answer.report
    assert resume.read_text() == edited


def test_an_edited_file_lets_false_proofs_pass_and_nothing_else(evote_verify, held, archive, resume, tmp_path) -> None:
    """What the file is trusted for: its writer vouches for proofs, not for a sum, a credential or a second ballot."""

    def stranger(ballot: str) -> str:
        credential = json.loads(ballot)["credential"]
        return ballot.replace(credential, credential[::-1])

    def claimed(ballots: list[str]) -> tuple[Path, Path]:
        forged = held.write_archive(tmp_path / "forged.bel", ballots)
        head = json.loads(evote_verify(forged, "--json").report)["archive"]["head"]
        kept = json.loads(resume.read_text())
        kept["archive"] |= {"events": 5 + len(ballots), "head": head, "ballots": len(ballots)}
        edited = tmp_path / "edited.json"
        edited.write_text(json.dumps(kept, separators=(",", ":")))
        return forged, edited

    assert evote_verify(archive, "--resume", resume).status == 0
    false = json.loads(held.ballots[1])
    false["answers"][0]["overall_proof"][0]["response"] = "1"
    unproven = json.dumps(false, separators=(",", ":"))
    forged, edited = claimed([held.ballots[0], unproven, *held.ballots[2:]])
    assert evote_verify(forged).status == 1
    answer = evote_verify(forged, "--resume", edited)
    assert answer.status == 0 and "hold on the word of" in answer.report
    for ballots, rule in [
        (held.ballots[:-1], "tally-ciphertexts"),
        ([*held.ballots, held.ballots[0]], "ballot-duplicate"),
        ([*held.ballots, stranger(held.ballots[1])], "ballot-credential"),
    ]:
        forged, edited = claimed(ballots)
        answer = evote_verify(forged, "--resume", edited)
        assert answer.status == 1 and rule in answer.report


def test_a_run_that_does_not_hold_keeps_nothing(evote_verify, held, resume, tmp_path) -> None:
    assert evote_verify(held.write_archive(tmp_path / "forged.bel", held.ballots[:-1]), "--resume", resume).status == 1
    assert not resume.exists()


def test_a_place_that_is_none_is_told_before_anything_is_verified(evote_verify, archive, tmp_path) -> None:
    for options in ([archive, "--resume", tmp_path / "missing" / "file"], ["--front", "https://x", "--resume", "f"]):
        with pytest.raises(SystemExit) as ended:
            evote_verify(*options)
        assert ended.value.code == 2
