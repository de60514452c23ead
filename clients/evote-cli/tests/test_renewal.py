"""A trustee whose key was renewed, and the others: nobody is trapped by it, and nobody is deceived with it."""

from __future__ import annotations

import secrets

import pytest
from evote_ceremony.messages import Step
from evote_cli.errors import CeremonyDone, CeremonyRejected, CodeDiffers, KeyWasRenewed, NothingToDo
from evote_cli.keyfile import create_key_file
from evote_cli.restoring import restored_record
from evote_eventlog.events import TrusteeKeyRenewed
from evote_tally.domain.ceremony import renew_key

from .conftest import UUID, Held, Trustee

BEHIND_THE_CERTIFICATES = (Step.COMMITMENT, Step.POLYNOMIAL, Step.VOUTPUT)


def renew(held: Held, number: int, name: str = "new.key") -> Trustee:
    """Officers put the key of a new file in the place of a trustee's."""
    old = held.trustees[number - 1]
    held.trustees[number - 1] = new = Trustee(old.path.with_name(name))
    held.election.append(*renew_key(held.election.election, number, new.line))
    return old


def go_on(held: Held, *steps: Step) -> None:
    """All trustees do these steps, and hear the code from each other."""
    for step in steps:
        heard = held.trustees[0].code(held.election.view()) if step is Step.COMMITMENT else None
        for trustee in held.trustees:
            held.election.take(trustee.sign(held.election.view(), heard))


def test_who_computed_with_a_certificate_that_was_replaced_begins_that_step_anew(held: Held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    first = held.trustees[0]
    view = held.election.view()
    heard = held.trustees[1].code(view)
    first.sign(view, heard)  # a commitment that never reaches tally
    before = first.keeper.find(UUID)
    assert before is not None and before.polynomial is not None
    renew(held, 2)
    with pytest.raises(NothingToDo, match="番号 2"):
        first.sign(held.election.view())
    held.election.take(held.trustees[1].sign(held.election.view()))
    with pytest.raises(CodeDiffers):
        first.sign(held.election.view(), heard)  # what was compared before is not what there is now
    go_on(held, *BEHIND_THE_CERTIFICATES)
    after = first.keeper.find(UUID)
    assert after is not None and after.polynomial not in (None, before.polynomial)
    held.election.freeze(2)
    held.election.open(held.trustees)
    with pytest.raises(CeremonyDone):
        first.sign(held.election.view())


def test_the_old_key_says_that_it_was_replaced_and_the_new_one_goes_on_beside_the_old_record(held: Held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    old = renew(held, 2)
    with pytest.raises(KeyWasRenewed, match="電話") as told:
        old.sign(held.election.view())
    assert told.value.key == held.trustees[1].line
    # The trustee put the new key where the old one was, beside its record.
    old.path.unlink()
    create_key_file(old.path, secrets.token_bytes)
    held.trustees[1] = old
    held.election.append(*renew_key(held.election.election, 2, old.line))
    held.election.take(old.sign(held.election.view()))
    go_on(held, *BEHIND_THE_CERTIFICATES)


def test_a_lost_record_is_made_again_with_the_certificates_that_count(held: Held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    renew(held, 2)
    held.election.take(held.trustees[1].sign(held.election.view()))
    go_on(held, Step.COMMITMENT, Step.POLYNOMIAL)
    for trustee in held.trustees:
        kept = trustee.keeper.find(UUID)
        trustee.keeper.path(UUID).unlink()
        made = restored_record(trustee.secret, trustee.keeper, held.election.view(), UUID).record
        assert kept is not None
        assert (made.certificates, made.ceremony_sha256) == (kept.certificates, kept.ceremony_sha256)


def test_a_renewal_that_only_one_trustee_is_shown_is_found_by_the_code(held: Held) -> None:
    """A server with a key of its own in another trustee's place, and two officers who signed for it."""
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    honest = held.trustees[2].code(held.election.view())
    renew(held, 2, "servers.key")
    held.election.take(held.trustees[1].sign(held.election.view()))
    with pytest.raises(CodeDiffers, match="何も送っていません"):
        held.trustees[0].sign(held.election.view(), honest)


def test_a_renewal_behind_a_commitment_changes_nothing_for_any_trustee(held: Held) -> None:
    held.election.hold_ceremony(held.trustees, until=Step.POLYNOMIAL)
    line = Trustee(held.trustees[1].path.with_name("late.key")).line
    renewal = TrusteeKeyRenewed(election_uuid=UUID, trustee=2, number=1, key=line)
    held.election.append(renewal)
    held.election.events.remove(renewal)  # tally keeps to the rule too
    go_on(held, Step.POLYNOMIAL, Step.VOUTPUT)


def test_a_renewal_of_a_trustee_whom_the_draft_does_not_name_is_a_contradiction(held: Held) -> None:
    line = Trustee(held.trustees[1].path.with_name("nobodys.key")).line
    held.election.append(TrusteeKeyRenewed(election_uuid=UUID, trustee=9, number=1, key=line))
    with pytest.raises(CeremonyRejected, match="9"):
        held.trustees[0].sign(held.election.view())
