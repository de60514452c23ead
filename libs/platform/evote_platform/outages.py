"""What is raised while the database can't be worked with, however it is away: every such request may come again."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

import asyncpg
import psycopg

DATABASE_AWAY: Final = (
    # Down, starting, stopping, out of connections; a session that was ended.
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresSystemError,  # its disk
    # Another transaction was in the way, for too long or for good.
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    # The wrong server: a standby, one that doesn't let us in, one without our database or tables (which were there when
    # the service started), one that is no PostgreSQL.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
    asyncpg.InternalClientError,
    # No way to it: nothing listens, it is too slow, its name is not known, its certificate is another's.
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    ssl.SSLError,
    # To whoever migrates, by another library: the same, and an owner who may not.
    psycopg.OperationalError,
    psycopg.errors.InsufficientPrivilege,
)
"""The errors of asyncpg and psycopg, and of the network below them, whose types alone tell (see :func:`is_outage`)."""

_UNREACHABLE: Final = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,  # no local port is left
        errno.ENOBUFS,
        errno.EMFILE,
        errno.ENFILE,
    }
)


def is_outage(error: BaseException) -> bool:
    """Whether an error means that the database can't be worked with now, and no fault of the program or the request."""
    if isinstance(error, asyncpg.ClientConfigurationError):
        return False  # an InterfaceError: what we were told of the database is wrong, and stays so
    if isinstance(error, DATABASE_AWAY):
        return True
    # asyncio and uvloop say so, without a number, where each of a name's addresses failed in its own way.
    return isinstance(error, OSError) and (
        error.errno in _UNREACHABLE or (error.errno is None and str(error).startswith("Multiple exceptions"))
    )
