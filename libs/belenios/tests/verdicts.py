"""What is said of a ballot, by everything that says something of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from evote_belenios import native
from evote_belenios.box import BallotFacts, examine_ballot
from evote_belenios.election import Election
from evote_belenios.errors import BeleniosError
from evote_belenios.inspection import inspect_ballot

Found = TypeVar("Found")


def examined(election: Election, text: str) -> BallotFacts:
    """What :func:`examine_ballot` finds, or raises; the reference, and checks one by one, have found just the same."""
    if election.compiled is not None:
        said = verdict(lambda: examine_ballot(election, text))
        assert said == verdict(lambda: by_steps(election, text))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(native, "core", None)
            assert said == verdict(lambda: by_steps(election, text)) == verdict(lambda: examine_ballot(election, text))
    return examine_ballot(election, text)


def verdict(look: Callable[[], Found]) -> Found | tuple[type[BeleniosError], str, str, str]:
    """What was found, or all that the refusal says."""
    try:
        return look()
    except BeleniosError as error:
        return type(error), error.rule, error.section, error.detail


def by_steps(election: Election, text: str) -> BallotFacts:
    inspection = inspect_ballot(election, text)
    inspection.verify_binding()
    inspection.verify_signature()
    inspection.verify_proofs()
    facts = examine_ballot(election, text)
    assert inspection.ciphertext_digests == tuple(digest.hex() for digest in facts.digests)
    return facts
