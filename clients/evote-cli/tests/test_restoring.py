"""A lost record of the ceremony is made again from the key and the witnessed log, and never without a person's word."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from evote_ceremony.messages import Step
from evote_cli.decryption import archive_to_decrypt, partial_decryption
from evote_cli.errors import (
    CeremonyRejected,
    LogRefused,
    NothingLost,
    OwnMessageDiffers,
    PolicyDiffers,
    PolynomialLost,
    RecordLost,
    RecordUnreadable,
)
from evote_cli.restoring import restored_record
from evote_cli.trustee import STEPS

UUID = "4yP2vbZnkbxpPG"


def lose(trustee) -> None:
    trustee.keeper.path(UUID).unlink()


def restore(trustee, view):
    restored = restored_record(trustee.secret, trustee.keeper, view, UUID).record
    trustee.keeper.save(restored)
    return restored


def decrypt(trustee, election, archive):
    with archive_to_decrypt(archive) as file:
        return partial_decryption(
            trustee.secret,
            trustee.keeper,
            file,
            election.view(),
            secrets.token_bytes,
            processes=1,
            progress=lambda done, total: None,
        )


@pytest.fixture
def counted(held):
    held.election.hold_ceremony(held.trustees)
    held.election.freeze(2)
    held.election.open(held.trustees)
    held.election.vote()
    held.election.close()
    held.election.count()
    return held


def test_every_trustee_who_lost_the_record_decrypts_with_one_made_again(counted, tmp_path) -> None:
    archive = counted.election.archive(tmp_path / "a.bel")
    for trustee in counted.trustees[:2]:
        before = trustee.keeper.find(UUID)
        lose(trustee)
        with pytest.raises(RecordLost, match="restore-record"):
            decrypt(trustee, counted.election, archive)
        assert replace(restore(trustee, counted.election.view()), seen=None) == replace(before, seen=None)
        counted.election.take(decrypt(trustee, counted.election, archive))
    assert counted.election.election.partial_decryptions.keys() == {1, 2}


@pytest.mark.parametrize("lost_before", [step for step in STEPS if step not in (Step.CERTIFICATE, Step.POLYNOMIAL)])
def test_the_ceremony_goes_on_with_a_record_made_again(held, lost_before: str) -> None:
    held.election.freeze(2)
    first = held.trustees[0]
    held.election.hold_ceremony(held.trustees, until=lost_before)
    lose(first)
    view = held.election.view()
    with pytest.raises(RecordLost, match="restore-record"):
        first.sign(view)
    restore(first, view)
    heard = held.trustees[1].code(view) if lost_before == Step.COMMITMENT else None
    message = first.sign(view, heard)
    assert message.step == lost_before
    held.election.take(message)


def test_until_the_first_message_is_sent_a_lost_record_is_no_loss(held) -> None:
    first = held.trustees[0]
    first.sign(held.election.view())
    lose(first)
    with pytest.raises(NothingLost):
        restored_record(first.secret, first.keeper, held.election.view(), UUID)
    held.election.take(first.sign(held.election.view()))
    assert held.election.election.certificates.keys() == {1}


def test_a_polynomial_that_was_committed_to_and_lost_is_told_of_and_not_replaced(held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    first = held.trustees[0]
    older = first.keeper.find(UUID)
    held.election.take(first.sign(held.election.view(), held.trustees[1].code(held.election.view())))
    for trustee in held.trustees[1:]:
        held.election.take(trustee.sign(held.election.view(), first.code(held.election.view())))
    newer = first.keeper.find(UUID)
    lose(first)
    with pytest.raises(PolynomialLost, match="起案のやり直し"):
        restored_record(first.secret, first.keeper, held.election.view(), UUID)
    first.keeper.save(older)
    with pytest.raises(PolynomialLost):
        first.sign(held.election.view())
    first.keeper.save(newer)
    held.election.take(first.sign(held.election.view()))


def test_an_old_copy_of_the_record_is_brought_up_to_the_log(held) -> None:
    first = held.trustees[0]
    held.election.hold_ceremony(held.trustees, until=Step.POLYNOMIAL)
    older = first.keeper.find(UUID)
    for trustee in held.trustees:
        held.election.take(trustee.sign(held.election.view()))
    first.keeper.save(older)
    with pytest.raises(RecordLost, match="古い控え"):
        first.sign(held.election.view())
    restore(first, held.election.view())
    assert first.sign(held.election.view()).step == Step.VOUTPUT


def test_the_guard_against_a_second_tally_is_kept_as_far_as_log_or_copy_know_it(counted, tmp_path) -> None:
    first, election = counted.trustees[0], counted.election
    archive = election.archive(tmp_path / "a.bel")
    sent = decrypt(first, election, archive)
    known = first.keeper.find(UUID)
    assert restore(first, election.view()).decrypted_tally_sha256 == known.decrypted_tally_sha256  # from the copy
    lose(first)
    assert restore(first, election.view()).decrypted_tally_sha256 is None  # made, never sent: nobody knows
    election.take(sent)
    lose(first)
    assert restore(first, election.view()).decrypted_tally_sha256 == known.decrypted_tally_sha256  # from the log


def test_nothing_is_made_again_against_what_a_copy_remembers(counted) -> None:
    first, view = counted.trustees[0], counted.election.view()
    record = first.keeper.find(UUID)
    for changes, refused in (
        ({"seen": replace(record.seen, root="0" * 64)}, LogRefused),
        ({"witness_policy": "another"}, PolicyDiffers),
        ({"polynomial": "another"}, OwnMessageDiffers),
        ({"ceremony_sha256": "0" * 64}, CeremonyRejected),
    ):
        first.keeper.save(replace(record, **changes))
        with pytest.raises(refused):
            restored_record(first.secret, first.keeper, view, UUID)


def test_a_damaged_record_says_what_to_do(held) -> None:
    first = held.trustees[0]
    first.keeper.path(UUID).write_text("{")
    with pytest.raises(RecordUnreadable, match="restore-record"):
        first.sign(held.election.view())
