"""A trustee's steps: the key stays here, and whoever shows another ceremony or another history is found out."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from evote_belenios.channel import TrusteeSecret
from evote_belenios.threshold import certificate
from evote_ceremony.messages import CEREMONY_STEPS, Ceremony, Step
from evote_cli.errors import (
    CeremonyDone,
    CeremonyRejected,
    CodeDiffers,
    CommandFailed,
    ElectionGivenUp,
    KeyFileExists,
    KeyFileUnreadable,
    KeyNotInCertificate,
    LogRefused,
    MessageUnreadable,
    NothingToDo,
    NotThisTrustee,
    OwnMessageDiffers,
    PolicyDiffers,
    PolicyUnreadable,
)
from evote_cli.keyfile import create_key_file, identity_of, read_key_file
from evote_cli.log_view import read_log
from evote_cli.message import CONFIRMATION, parse_message
from evote_cli.restoring import restored_record
from evote_cli.trustee import STEPS, next_step, see_ceremony
from evote_eventlog.events import CertificateReceived, ElectionAbandoned, PolynomialCommitted
from evote_local.nodes.log_folder import LogFolder

UUID = "4yP2vbZnkbxpPG"


def nobody_watches(done: int, total: int) -> None:
    return


@pytest.mark.parametrize(("size", "threshold"), [(3, 2), (5, 3)])
def test_four_steps_and_a_confirmation_of_everybody_complete_the_ceremony(new_election, size, threshold) -> None:
    held = new_election(size, threshold)
    held.election.hold_ceremony(held.trustees)
    held.election.freeze(2)
    held.election.open(held.trustees)
    with pytest.raises(CeremonyDone, match="すべて終わっています") as done:
        held.trustees[0].sign(held.election.view())
    assert (done.value.exit_status, NothingToDo("").exit_status) == (4, 3)


def test_a_step_that_is_repeated_gives_the_same_message(held) -> None:
    held.election.freeze(2)
    for step in STEPS:
        view = held.election.view()
        heard = held.trustees[1].code(view) if step == Step.COMMITMENT else None
        messages = [trustee.sign(view, heard) for trustee in held.trustees]
        assert [trustee.sign(view, heard) for trustee in held.trustees] == messages
        for message in messages:
            held.election.take(message)


def test_nobody_commits_before_all_certificates_are_there(held) -> None:
    held.election.take(held.trustees[0].sign(held.election.view()))
    with pytest.raises(NothingToDo, match="番号 2, 3"):
        held.trustees[0].sign(held.election.view())


def test_nobody_reveals_before_all_have_committed(held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    first = held.trustees[0]
    held.election.take(first.sign(held.election.view(), held.trustees[1].code(held.election.view())))
    with pytest.raises(NothingToDo, match="番号 2, 3"):
        first.sign(held.election.view())


def test_nothing_is_done_for_an_election_that_was_given_up(held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    held.election.append(ElectionAbandoned(election_uuid=UUID))
    view = held.election.view()
    with pytest.raises(ElectionGivenUp, match="取りやめ"):
        held.trustees[0].sign(view)
    with pytest.raises(ElectionGivenUp):
        restored_record(held.trustees[0].secret, held.trustees[0].keeper, view, UUID)


def test_nobody_confirms_before_the_roll_is_frozen(held) -> None:
    held.election.hold_ceremony(held.trustees)
    with pytest.raises(NothingToDo, match="選挙の確定"):
        held.trustees[0].sign(held.election.view())


class TestCeremonyOfStrangers:
    """A server that controls draft, tally and log shows a trustee others of its own making in the others' places."""

    def shown_to(self, held, new_election, trustee: int):
        """Another ceremony of the same election, in which only this trustee is real."""
        strangers = new_election(name=f"strangers-of-{trustee}")
        strangers.trustees[trustee - 1] = held.trustees[trustee - 1]
        lines = [one.line for one in strangers.trustees]
        folder = held.election.log.folder.parent / f"shown-to-{trustee}"
        return replace(strangers, election=type(held.election)(folder, lines, threshold=2))

    def test_is_found_by_the_code_before_anything_leaves(self, held, new_election) -> None:
        one, other = (self.shown_to(held, new_election, trustee) for trustee in (1, 2))
        for shown in (one, other):
            shown.election.hold_ceremony(shown.trustees, until=Step.COMMITMENT)
        heard = held.trustees[1].code(other.election.view())
        with pytest.raises(CodeDiffers, match="何も送っていません"):
            held.trustees[0].sign(one.election.view(), heard)
        record = held.trustees[0].keeper.find("4yP2vbZnkbxpPG")
        assert (record.polynomial, record.ceremony_sha256) == (None, None)

    def test_no_part_of_the_code_is_passed_over(self, held) -> None:
        held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
        view = held.election.view()
        groups = held.trustees[1].code(view).split(", ")
        for at in range(len(groups)):
            wrong = [*groups[:at], "さくら 00" if groups[at] != "さくら 00" else "さくら 01", *groups[at + 1 :]]
            with pytest.raises(CodeDiffers):
                held.trustees[0].sign(view, ", ".join(wrong))
        with pytest.raises(CodeDiffers):
            held.trustees[0].sign(view, ", ".join(groups[:-1]))
        with pytest.raises(CommandFailed, match="--code"):
            held.trustees[0].sign(view, None)

    def test_is_found_by_the_log_that_was_seen_before(self, held, new_election) -> None:
        held.election.take(held.trustees[0].sign(held.election.view()))
        shown = self.shown_to(held, new_election, 1)
        shown.election.log = held.election.log  # the server has taken the keys of the log and of its witness
        shown.election.append()
        shown.election.hold_ceremony(shown.trustees[1:], until=Step.COMMITMENT)
        with pytest.raises(LogRefused, match="前に見たログの続きではありません"):
            held.trustees[0].sign(shown.election.view())

    def test_is_found_by_the_witnesses(self, held, new_election) -> None:
        held.election.take(held.trustees[0].sign(held.election.view()))
        shown = self.shown_to(held, new_election, 1)
        shown.election.hold_ceremony(shown.trustees[1:], until=Step.COMMITMENT)
        with pytest.raises(LogRefused):
            read_log(str(shown.election.log.folder), held.election.log.policy, nobody_watches)
        with pytest.raises(PolicyDiffers):
            held.trustees[0].sign(shown.election.view())

    def test_leaves_out_a_trustee_who_sees_that(self, held, new_election) -> None:
        shown = self.shown_to(held, new_election, 1)
        with pytest.raises(NotThisTrustee):
            held.trustees[1].sign(shown.election.view())


def test_a_certificate_in_the_place_of_a_trustees_is_found_out(held, new_election) -> None:
    """Whoever writes into the log has no key of the trustee."""
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    stranger = new_election(name="other").trustees[2]
    plan = held.election.election.plan
    text = certificate(stranger.secret, plan.group, index=3, threshold=2, size=3, random=secrets.token_bytes)
    forged = CertificateReceived(
        election_uuid=plan.election_uuid,
        trustee=3,
        certificate=text,
        statement=Ceremony(plan, ()).sign_message(identity_of(stranger.secret), 3, Step.CERTIFICATE, text),
    )
    records, held.election.records = held.election.records, held.election.records[:3]
    held.election.append(forged)
    with pytest.raises(CeremonyRejected, match="certificate of trustee 3"):
        held.trustees[0].sign(held.election.view())
    held.election.records = records


def test_another_draft_than_was_compared_is_found_out(held) -> None:
    """The log is the same up to there: who has taken its key rewrites nothing that a trustee has seen."""
    held.election.hold_ceremony(held.trustees, until=Step.POLYNOMIAL)
    keeper = held.trustees[0].keeper
    record = keeper.find("4yP2vbZnkbxpPG")
    keeper.save(replace(record, ceremony_sha256="0" * 64))
    with pytest.raises(CeremonyRejected, match="照合したときから"):
        held.trustees[0].sign(held.election.view())


def test_a_certificate_that_changes_after_the_commitment_is_found_out(held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.POLYNOMIAL)
    keeper = held.trustees[0].keeper
    record = keeper.find("4yP2vbZnkbxpPG")
    keeper.save(replace(record, certificates=(*record.certificates[:-1], "another")))
    with pytest.raises(CeremonyRejected, match="証明書が"):
        held.trustees[0].sign(held.election.view())


def test_a_commitment_that_changes_after_the_reveal_is_found_out(held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.VOUTPUT)
    keeper = held.trustees[0].keeper
    record = keeper.find("4yP2vbZnkbxpPG")
    keeper.save(replace(record, commitments=(*record.commitments[:-1], "0" * 64)))
    with pytest.raises(CeremonyRejected, match="コミットメントが"):
        held.trustees[0].sign(held.election.view())


def test_an_own_message_from_another_machine_is_found_out(held) -> None:
    """The same key on two machines: the second would reveal what the first committed to."""
    held.election.hold_ceremony(held.trustees, until=Step.POLYNOMIAL)
    keeper = held.trustees[2].keeper
    keeper.save(replace(keeper.find("4yP2vbZnkbxpPG"), polynomial="another"))
    with pytest.raises(OwnMessageDiffers, match="別の端末"):
        held.trustees[2].sign(held.election.view())


def test_a_key_that_is_not_in_the_certificate_that_was_sent_is_told_at_once(held) -> None:
    """Whatever program sent it signed as this trustee: before the others' turn comes, not when all have committed."""
    election, first = held.election, held.trustees[0]
    plan = election.election.plan
    text = certificate(TrusteeSecret.generate(secrets.token_bytes), plan.group, index=1, threshold=2, size=3,
                       random=secrets.token_bytes)  # fmt: skip
    statement = Ceremony(plan, ()).sign_message(identity_of(first.secret), 1, Step.CERTIFICATE, text)
    election.append(CertificateReceived(election_uuid=UUID, trustee=1, certificate=text, statement=statement))
    with pytest.raises(KeyNotInCertificate, match="この鍵ファイルの鍵のものではありません"):
        first.sign(election.view())
    with pytest.raises(NothingToDo):  # nobody else is held up by it before their turn
        election.take(held.trustees[1].sign(election.view()))
        held.trustees[1].sign(election.view())


def test_a_message_that_nobody_signed_is_found_out(held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    unsigned = PolynomialCommitted(election_uuid="4yP2vbZnkbxpPG", trustee=3, commitment="0" * 64, statement="{}")
    held.election.append(unsigned)
    with pytest.raises(CeremonyRejected, match="commitment of trustee 3"):
        held.trustees[0].sign(held.election.view(), held.trustees[1].code)


class TestLog:
    def test_records_that_no_witness_has_seen_do_not_count(self, held) -> None:
        held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
        held.election.log.publish(held.election.records, cosigned=3)
        with pytest.raises(NothingToDo, match="番号 3"):
            held.trustees[0].sign(held.election.view())

    def test_a_log_without_a_quorum_is_refused(self, held, tmp_path: Path) -> None:
        stranger = LogFolder(tmp_path / "stranger")
        stranger.key = held.election.log.key
        stranger.publish(held.election.records)
        with pytest.raises(LogRefused, match="証人の署名が足りません"):
            read_log(str(stranger.folder), held.election.log.policy, nobody_watches)

    def test_a_policy_without_witnesses_is_refused(self, held) -> None:
        log = held.election.log
        for policy in (f"log {log.key.verifier.text}\nquorum none\n", "quorum none\n", "nothing"):
            with pytest.raises(PolicyUnreadable):
                read_log(str(log.folder), policy, nobody_watches)

    def test_an_older_copy_than_was_seen_is_refused(self, held) -> None:
        held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
        held.trustees[0].sign(held.election.view(), held.trustees[1].code(held.election.view()))
        held.election.log.publish(held.election.records[:-1])
        with pytest.raises(LogRefused, match="より古い"):
            held.trustees[0].sign(held.election.view())

    def test_a_log_with_a_record_that_breaks_its_rules_is_refused(self, held) -> None:
        held.election.log.publish([*held.election.records, b"{}"])
        with pytest.raises(LogRefused, match="規則に反する"):
            held.election.view()

    def test_an_election_that_is_not_in_the_log_is_waited_for(self, held) -> None:
        with pytest.raises(NothingToDo, match="起案が"):
            see_ceremony(held.trustees[0].secret, held.election.view(), "5yP2vbZnkbxpPG")


def test_the_key_and_the_record_are_readable_by_their_owner_alone(held) -> None:
    held.election.hold_ceremony(held.trustees)
    files = [path for path in held.trustees[0].path.parent.iterdir() if path.is_file()]
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


def test_a_key_signs_as_the_same_trustee_wherever_it_is_restored(tmp_path: Path) -> None:
    secret = create_key_file(tmp_path / "key", secrets.token_bytes)
    (tmp_path / "copy").touch(0o600)
    (tmp_path / "copy").write_bytes((tmp_path / "key").read_bytes())
    restored = identity_of(read_key_file(tmp_path / "copy"))
    assert restored.private_bytes_raw() == identity_of(secret).private_bytes_raw()


def test_no_message_shows_the_key(held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.VOUTPUT)
    trustee, view = held.trustees[0], held.election.view()
    shown = [repr(see_ceremony(trustee.secret, view, "4yP2vbZnkbxpPG")), repr(trustee.sign(view))]
    assert trustee.secret.reveal() not in "".join(shown) + repr(trustee.secret)


def test_a_message_survives_its_file(held) -> None:
    message = held.trustees[0].sign(held.election.view())
    assert parse_message(message.to_json()) == message


@pytest.mark.parametrize(
    "changes",
    [
        *({"election_uuid": uuid} for uuid in ("../../etc/passwd", "", "0" * 14, 7)),
        *({field: 7} for field in ("step", "text", "statement")),
        {"step": "unheard"},
        {"trustee": "../1"},
    ],
)
def test_a_message_that_would_be_sent_elsewhere_is_refused(held, changes: dict[str, object]) -> None:
    message = held.trustees[0].sign(held.election.view())
    with pytest.raises(MessageUnreadable):
        parse_message(replace(message, **changes).to_json())


def test_both_groups_have_the_same_steps(new_election) -> None:
    held = new_election(group="BELENIOS-2048")
    held.election.hold_ceremony(held.trustees, until=Step.VOUTPUT)
    held.election.take(held.trustees[1].sign(held.election.view()))
    assert held.election.election.voutputs.keys() == {2}
    seen = see_ceremony(held.trustees[1].secret, held.election.view(), "4yP2vbZnkbxpPG")
    with pytest.raises(NothingToDo, match="番号 1, 3"):
        next_step(seen)
    assert (*CEREMONY_STEPS, CONFIRMATION) == STEPS
