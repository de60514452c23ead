"""An election's key ceremony, as it stands in the log."""

from __future__ import annotations

from evote_ceremony.messages import CEREMONY_STEPS, Ceremony, Step
from evote_ceremony.plan import Plan
from evote_ceremony.setup import CeremonyTexts, Setup, make_setup

from .elections import LoggedElection


def ceremony_of(plan: Plan, election: LoggedElection) -> Ceremony:
    """The plan, and the certificates that stand in the log."""
    drafted = None if election.drafted is None else election.drafted.event.plan
    return Ceremony(plan, texts_of(plan, election, Step.CERTIFICATE), drafted)


def texts_of(plan: Plan, election: LoggedElection, step: Step) -> tuple[str, ...]:
    """The messages of a step that stand in the log, in the trustees' order."""
    standing = election.ceremony[step]
    return tuple(standing[number].event.text for number in plan.numbers if number in standing)


def setup_in_log(plan: Plan, election: LoggedElection, credentials_sha256: str) -> Setup:
    """The final texts, as they follow from the log; raises ``BeleniosError`` when none do."""
    texts = CeremonyTexts(*(texts_of(plan, election, step) for step in CEREMONY_STEPS))
    return make_setup(plan, texts, credentials_sha256)
