"""What every endpoint works with, held together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import httpx
from evote_platform.clock import Clock

from .handlers import CommandHandler
from .settings import TallySettings
from .worker import ProtocolWorker


@dataclass(frozen=True)
class TallyService:
    """A running replica. ``random`` is ``secrets.token_bytes`` or, in tests, its stand-in."""

    settings: TallySettings
    pool: asyncpg.Pool
    commands: CommandHandler
    worker: ProtocolWorker
    http: httpx.AsyncClient
    clock: Clock
    random: Callable[[int], bytes]
