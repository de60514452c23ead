"""What every endpoint works with, held together."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from evote_platform.ratelimit import TokenBucket

from .intake import Intake
from .metrics import IntakeMetrics
from .readback import ReadBack
from .turnout import TurnoutFeed


@dataclass
class BallotService:
    """A running replica."""

    pool: asyncpg.Pool
    intake: Intake
    read_back: ReadBack
    turnout: TurnoutFeed
    address_limit: TokenBucket
    metrics: IntakeMetrics
    most_watchers: int
    watchers: int = 0
    """How many watch the turnout now."""
