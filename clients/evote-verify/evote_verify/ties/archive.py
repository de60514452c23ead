"""archive: everything that the archive claims, by the steps that :mod:`evote_belenios.verify` lists."""

from __future__ import annotations

from evote_belenios.verify import VerificationReport

from ..findings import Finding, Outcome, Tie


def tie(verified: VerificationReport) -> Finding:
    """What the protocol's own verification found."""
    if verified.failures:
        return Finding(Tie.ARCHIVE, Outcome.FAILS, tuple(str(failure) for failure in verified.failures))
    return Finding(Tie.ARCHIVE, Outcome.HOLDS, ("everything that it claims, as far as it goes",))
