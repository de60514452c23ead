"""Which card may vote for a voter, as a table; and how long a failing card waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from evote_auth.domain.attempts import FORGOTTEN_AFTER, FREE_FAILURES, Failures, wait_after
from evote_auth.domain.cards import (
    Approval,
    AskOfficer,
    BindFirst,
    CardPair,
    Ended,
    Keep,
    RefuseBlocked,
    RefuseTaken,
    Registered,
    Replace,
    bind,
)
from hypothesis import given
from hypothesis import strategies as st

OLD = CardPair("u1", "s1")
NEW = CardPair("u2", "s2")
RENEWED_SIGNATURE = CardPair("u1", "s2")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
EXPIRED, REVOKED, BLOCKED = Ended.EXPIRED, Ended.REVOKED, Ended.BLOCKED


def known(
    bound: CardPair | None = OLD, blocked: str = "", taken: str = "", lost_before_use: bool = False
) -> Registered:
    return Registered(bound, frozenset(blocked.split()), frozenset(taken.split()), lost_before_use)


NO, YES = Approval.NONE, Approval.GIVEN


@pytest.mark.parametrize(
    ("state", "presented", "ended", "approval", "outcome"),
    [
        (known(None), NEW, {}, NO, BindFirst()),
        (known(), OLD, {}, NO, Keep()),
        # Renewal: each certificate that goes must be at its end.
        (known(), RENEWED_SIGNATURE, {"s1": REVOKED}, NO, Replace({"s1": REVOKED})),
        (known(), CardPair("u2", "s1"), {"u1": EXPIRED}, NO, Replace({"u1": EXPIRED})),
        (known(), NEW, {"u1": EXPIRED, "s1": REVOKED}, NO, Replace({"u1": EXPIRED, "s1": REVOKED})),
        (known(), NEW, {"s1": REVOKED}, NO, AskOfficer()),
        (known(), NEW, {"u1": EXPIRED}, NO, AskOfficer()),
        # Two cards that are both valid: an officer decides.
        (known(), NEW, {}, NO, AskOfficer()),
        (known(), RENEWED_SIGNATURE, {}, NO, AskOfficer()),
        (known(), NEW, {}, YES, Replace({})),
        # Lost: its certificates are refused, whoever approved them before; the new card takes the place.
        (known(blocked="u1 s1"), OLD, {}, YES, RefuseBlocked()),
        (known(blocked="u1 s1"), RENEWED_SIGNATURE, {"s1": EXPIRED}, YES, RefuseBlocked()),
        (known(blocked="u1 s1"), NEW, {}, NO, Replace({"u1": BLOCKED, "s1": BLOCKED})),
        (known(None, lost_before_use=True), NEW, {}, NO, AskOfficer()),
        (known(None, lost_before_use=True), NEW, {}, YES, Replace({})),
        (known(NEW, lost_before_use=True), NEW, {}, NO, Keep()),
        # Another voter's certificate never changes hands.
        (known(None, taken="u2"), NEW, {}, YES, RefuseTaken()),
        (known(taken="s2"), NEW, {"u1": EXPIRED, "s1": EXPIRED}, YES, RefuseTaken()),
        (known(blocked="u2", taken="u2"), NEW, {}, NO, RefuseBlocked()),
    ],
)
def test_each_state_has_its_outcome(
    state: Registered, presented: CardPair, ended: Mapping[str, Ended], approval: Approval, outcome: object
) -> None:
    assert bind(state, presented, ended, approval) == outcome


pairs = st.builds(CardPair, st.sampled_from(["u1", "u2", "u3"]), st.sampled_from(["s1", "s2", "s3"]))
prints = st.frozensets(st.sampled_from(["u1", "u2", "u3", "s1", "s2", "s3"]))
states = st.builds(Registered, st.none() | pairs, prints, prints, st.booleans())
endings = st.dictionaries(st.sampled_from(["u1", "s1", "u2", "s2"]), st.sampled_from([EXPIRED, REVOKED]))


@given(states, pairs, endings, st.sampled_from(Approval))
def test_a_blocked_or_foreign_certificate_never_gets_through(
    state: Registered, presented: CardPair, ended: Mapping[str, Ended], approval: Approval
) -> None:
    outcome = bind(state, presented, ended, approval)
    if presented.fingerprints & (state.blocked | state.taken):
        assert isinstance(outcome, RefuseBlocked | RefuseTaken)
    if isinstance(outcome, Keep):
        assert presented == state.bound


@given(states, pairs, endings)
def test_without_an_officer_only_what_has_ended_is_replaced(
    state: Registered, presented: CardPair, ended: Mapping[str, Ended]
) -> None:
    outcome = bind(state, presented, ended, Approval.NONE)
    if isinstance(outcome, Replace):
        assert state.bound is not None
        going = state.bound.fingerprints - presented.fingerprints
        assert going and going == outcome.why.keys() <= ended.keys() | state.blocked


@given(st.integers(1, 10_000), st.integers(0, 7200))
def test_a_wait_grows_and_is_never_for_good(count: int, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    wait = wait_after(Failures(count, NOW), now)
    assert timedelta(0) <= wait <= timedelta(minutes=15)
    assert wait <= wait_after(Failures(count + 1, NOW), now)
    assert wait_after(Failures(count, NOW), now + wait) == timedelta(0)


@pytest.mark.parametrize(
    ("count", "after", "wait"),
    [
        (FREE_FAILURES - 1, timedelta(0), timedelta(0)),
        (FREE_FAILURES, timedelta(0), timedelta(seconds=30)),
        (FREE_FAILURES, timedelta(seconds=29), timedelta(seconds=1)),
        (FREE_FAILURES + 1, timedelta(0), timedelta(minutes=1)),
        (FREE_FAILURES + 9, timedelta(0), timedelta(minutes=15)),
        (FREE_FAILURES + 9, FORGOTTEN_AFTER, timedelta(0)),
    ],
)
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(count: int, after: timedelta, wait: timedelta) -> None:
    assert wait_after(Failures(count, NOW), NOW + after) == wait
