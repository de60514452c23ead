"""Every claim names its attacker, the tests that show it, or why it is open; and the page says what the source says."""

from __future__ import annotations

import pytest

from .claims import PAGE, Claim, faults_of, page, read_claims


@pytest.mark.parametrize("claim", read_claims(), ids=lambda claim: claim.says)
def test_a_claim_names_tests_that_exist_or_why_it_is_open(claim: Claim) -> None:
    assert faults_of(claim) == []


def test_the_page_is_what_make_claims_writes() -> None:
    assert PAGE.read_text() == page(read_claims()), "run `make claims`"


@pytest.mark.parametrize(
    "claim",
    [
        Claim("x", "x", "x", (), "holds"),
        Claim("x", "x", "x", ("tests/contract/test_claims.py::test_that_is_not_there",), "holds"),
        Claim("x", "x", "x", ("tests/contract/nowhere.py::test_that_is_not_there",), "holds"),
        Claim("x", "x", "x", (), "open"),
        Claim("x", "x", "x", (), "probably"),
    ],
)
def test_a_claim_without_its_proof_is_found(claim: Claim) -> None:
    assert faults_of(claim) != []
