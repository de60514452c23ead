"""archive - result, election - fingerprint: the archive is what the auditor was told to expect."""

from __future__ import annotations

from evote_belenios.archive import EventType
from evote_belenios.verify import VerificationReport

from ..findings import Finding, Outcome, Tie


def tie_result(found: VerificationReport) -> Finding:
    """The archive goes as far as a result. What that is worth, the tie *archive* says."""
    if found.stage is EventType.RESULT and found.result is not None:
        return Finding(Tie.RESULT, Outcome.HOLDS, ("the archive ends with a result",))
    last = "nothing that can be read" if found.stage is None else found.stage
    return Finding(Tie.RESULT, Outcome.FAILS, (f"there is no result that was verified; the archive ends with {last}",))


def tie_fingerprint(expected: str, found: VerificationReport) -> Finding:
    """The election is the one whose fingerprint was published."""
    if found.election is None:
        return Finding(Tie.FINGERPRINT, Outcome.FAILS, ("the archive's election can't be read",))
    if found.election.fingerprint != expected:
        reason = f"the election's fingerprint is {found.election.fingerprint}, not {expected}"
        return Finding(Tie.FINGERPRINT, Outcome.FAILS, (reason,))
    return Finding(Tie.FINGERPRINT, Outcome.HOLDS, ("the election is the one of the fingerprint that was given",))
