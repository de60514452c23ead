"""What a deployment is for: with it go the authorities whose cards it may take."""

from __future__ import annotations

from enum import StrEnum


class Environment(StrEnum):
    """What this deployment is for."""

    PRODUCTION = "production"
    TEST = "test"
