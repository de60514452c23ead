"""What was found about each tie of the chain of trust."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """How it stands with a tie."""

    HOLDS = "holds"
    FAILS = "FAILS"
    UNFINISHED = "unfinished"
    """Something out of reach kept it from being checked: try again."""
    NOT_CHECKED = "not checked"


class Tie(StrEnum):
    """What holds two things together, from the voter to the chains, and to the page that the voter votes on."""

    RECEIPT_SERVICE = "receipt - ballot service"
    RECEIPT_ARCHIVE = "receipt - archive"
    RECEIPT_LOG = "receipt - log"
    PROOF = "proof - checkpoint"
    ARCHIVE = "archive"
    RESULT = "archive - result"
    FINGERPRINT = "election - fingerprint"
    TRACKER = "tracker - archive"
    EXTENDS = "archive - earlier archive"
    VERIFIED = "prefix - verified before"
    ARCHIVE_LOG = "archive - log"
    RULES = "log - its rules"
    TRUSTEES = "trustees - election"
    OFFICERS = "officers - election"
    RECORDS = "records - checkpoint"
    EARLIER = "checkpoint - earlier ones"
    WITNESSES = "checkpoint - witnesses"
    ETHEREUM = "checkpoint - ethereum"
    FABRIC = "checkpoint - fabric"
    FRONT_OFFICERS = "manifest - officers"
    FRONT_FINGERPRINT = "manifest - fingerprint"
    FRONT_BUILD = "manifest - build"
    FRONT = "front - manifest"


ASK_AGAIN: Final = "ask again when every election of that time has closed, or with an auditor's access"
"""What is said of a tie that rests on records which are not public yet."""

CHAIN_TIES = {"ethereum": Tie.ETHEREUM, "fabric": Tie.FABRIC}


@dataclass(frozen=True)
class Finding:
    """One tie: which, how it stands, and what an auditor should know about it, a line each."""

    tie: Tie
    outcome: Outcome
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """What holds, and what an auditor should look at all the same."""


class OutOfReach(Exception):
    """What was given can't be had now; trying again later may help. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unusable(Exception):
    """What was given can't be used: it is not what it should be, or can't be read. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
