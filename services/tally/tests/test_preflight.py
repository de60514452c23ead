"""The gate before the opening."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from evote_eventlog.events import (
    CertificateReceived,
    DraftQuestion,
    DraftTrustee,
    ElectionDrafted,
    ElectionEventData,
    PolynomialCommitted,
    PolynomialReceived,
    RollFrozen,
    SetupConfirmed,
    VoutputReceived,
)
from evote_local.people.rehearsal import Rehearsal
from evote_tally.domain.election import Election, election_from
from evote_tally.domain.facts import Fact
from evote_tally.domain.preflight import Check, ServiceReport, preflight, require_ready
from evote_tally.domain.refusals import PreflightFailed

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
UUID = "4yP2vbZnkbxpPG"
TRUSTEES = Rehearsal(["甲", "乙"])
DRAFT = ElectionDrafted(
    election_uuid=UUID,
    name="住民投票",
    description="",
    group="Ed25519",
    administrator="選挙管理委員会",
    questions=(DraftQuestion(question="賛成ですか", answers=("はい",), blank=True, min=1, max=1),),
    trustees=tuple(DraftTrustee(name=trustee.name, key=trustee.key) for trustee in TRUSTEES.trustees),
    threshold=2,
    opens_at="2026-11-24T10:00:00.000Z",
    closes_at="2026-11-24T11:00:00.000Z",
)
PLAN = election_from(UUID, [Fact(DRAFT, "2026-11-24T08:00:00.000Z")]).plan
ROLL = RollFrozen(election_uuid=UUID, roll_size=3, credentials_sha256="0" * 64)


def certificate_of(trustee: int, owner: int) -> CertificateReceived:
    text = TRUSTEES.certificate(PLAN, trustee, owner)
    return CertificateReceived(election_uuid=UUID, trustee=trustee, certificate=text, statement="")


CEREMONY: tuple[ElectionEventData, ...] = tuple(
    event
    for trustee in (1, 2)
    for event in (
        certificate_of(trustee, trustee),
        PolynomialCommitted(election_uuid=UUID, trustee=trustee, commitment="0" * 64, statement=""),
        PolynomialReceived(election_uuid=UUID, trustee=trustee, polynomial="{}", statement=""),
        VoutputReceived(election_uuid=UUID, trustee=trustee, voutput="{}", statement=""),
    )
)
CONFIRMED = tuple(SetupConfirmed(election_uuid=UUID, trustee=trustee, statement="") for trustee in (1, 2))


def election(*events: ElectionEventData) -> Election:
    return election_from(UUID, [Fact(event, "2026-11-24T08:00:00.000Z") for event in events])


def report(difference_s: float = 0, round_trip_s: float = 0.1, fault: str | None = None) -> ServiceReport:
    halfway = NOW + timedelta(seconds=round_trip_s / 2)
    clock = halfway + timedelta(seconds=difference_s)
    return ServiceReport("ballot", fault, clock, NOW, NOW + timedelta(seconds=round_trip_s))


def failures(state: Election, *services: ServiceReport, published: bool = True, now: datetime = NOW) -> set[str]:
    checks = preflight(state, credentials_published=published, services=services, now=now)
    return {check.name for check in checks if not check.ready}


def test_a_ready_election_passes() -> None:
    assert failures(election(DRAFT, ROLL, *CEREMONY, *CONFIRMED), report()) == set()


def test_each_missing_thing_is_named() -> None:
    assert failures(election(DRAFT), report(fault="unreachable"), published=False) == {
        "roll-frozen",
        "credentials-published",
        "ceremony",
        "confirmations",
        "service:ballot",
    }


def test_one_missing_voutput_keeps_the_ceremony_open() -> None:
    assert failures(election(DRAFT, ROLL, *CEREMONY[:-1], *CONFIRMED)) == {"ceremony"}


def test_a_ceremony_that_no_trustee_goes_on_with_is_named_with_the_way_out() -> None:
    """An earlier release took a certificate of another trustee's key, and then everybody waited."""
    state = election(DRAFT, ROLL, certificate_of(1, 1), certificate_of(2, 1))
    ceremony = next(
        c for c in preflight(state, credentials_published=True, services=(), now=NOW) if c.name == "ceremony"
    )
    assert not ceremony.ready
    assert "certificate-duplicate" in ceremony.detail and "abandon the election and draft it anew" in ceremony.detail


def test_one_missing_confirmation_keeps_the_election_closed_and_is_named() -> None:
    state = election(DRAFT, ROLL, *CEREMONY, *CONFIRMED[:-1])
    (check,) = (
        check for check in preflight(state, credentials_published=True, services=(), now=NOW) if not check.ready
    )
    assert (check.name, check.detail) == ("confirmations", "waiting for trustee 2")


def test_a_window_that_has_passed_is_refused() -> None:
    assert failures(election(DRAFT, ROLL, *CEREMONY, *CONFIRMED), now=NOW + timedelta(hours=2)) == {"window"}


@pytest.mark.parametrize(("difference_s", "failed"), [(1.0, set()), (-1.0, set())])
def test_clocks_one_second_apart_agree(difference_s: float, failed: set[str]) -> None:
    assert failures(election(DRAFT, ROLL, *CEREMONY, *CONFIRMED), report(difference_s)) == failed


@pytest.mark.parametrize("difference_s", [1.1, -1.1])
def test_clocks_further_apart_do_not(difference_s: float) -> None:
    assert failures(election(DRAFT, ROLL, *CEREMONY, *CONFIRMED), report(difference_s)) == {"clock:ballot"}


def test_the_way_to_a_slow_service_is_not_taken_for_a_wrong_clock() -> None:
    assert failures(election(DRAFT, ROLL, *CEREMONY, *CONFIRMED), report(0, round_trip_s=1.9)) == set()


def test_a_clock_that_takes_too_long_to_read_is_not_trusted() -> None:
    assert failures(election(DRAFT, ROLL, *CEREMONY, *CONFIRMED), report(0, round_trip_s=2.1)) == {"clock:ballot"}


def test_a_failed_check_refuses_the_opening_with_its_reason() -> None:
    with pytest.raises(PreflightFailed) as refused:
        require_ready([Check("roll-frozen", False, "the roll is not frozen"), Check("window", True, "")])
    assert refused.value.checks == (("roll-frozen", "the roll is not frozen"),)
