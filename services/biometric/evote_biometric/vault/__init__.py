"""The vault in PostgreSQL: what must never be in an event. One module a table or two; never replayed."""

from __future__ import annotations

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection = asyncpg.Connection | PoolConnectionProxy
