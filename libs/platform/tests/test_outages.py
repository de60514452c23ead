"""However the database is away, a client is told to come again; what is the program's own fault stays one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from evote_platform.database import Schema, migrate, open_pool, open_session
from evote_platform.outages import is_outage
from pydantic import SecretStr

from .conftest import RAISED

OWN_FAULTS = {"file-missing", "disk-full", "own-bug"}


@pytest.mark.parametrize("name", sorted(RAISED.keys() - OWN_FAULTS))
async def test_a_database_that_is_away_in_whatever_way_is_503(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/raises/{name}")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "2")
    assert answer.json()["type"].endswith(":database-unavailable")


@pytest.mark.parametrize("name", sorted(OWN_FAULTS))
async def test_what_is_no_outage_stays_a_fault_of_ours(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/raises/{name}")).status_code == 500


@asynccontextmanager
async def no_postgresql() -> AsyncIterator[int]:
    """A server on the database's port that speaks something else."""

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def raised(url: str, statement: str = "SELECT 1") -> Exception:
    async def work() -> None:
        async with await open_pool(SecretStr(url), "example") as pool:
            await pool.execute(statement)

    with pytest.raises(Exception) as caught:
        await work()
    return caught.value


@pytest.mark.stack
async def test_what_a_wrong_server_makes_asyncpg_raise_is_an_outage(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001.sql").write_text("CREATE TABLE thing (id bigint);\n")
    await asyncio.to_thread(migrate, SecretStr(database_url), Schema("example", tmp_path))
    insert = "INSERT INTO thing VALUES (1)"
    base, _, name = database_url.rpartition("/")
    errors = {
        "a standby": await raised(f"{database_url}?default_transaction_read_only=on", insert),
        "no such database": await raised(f"{base}/not_{name}"),
        "no such tables": await raised(database_url, "INSERT INTO other VALUES (1)"),
        "no such role": await raised(database_url.replace("//evote:", "//stranger:")),
        "nobody listens": await raised(database_url.replace(base.rpartition(":")[2], "1", 1)),
    }
    async with no_postgresql() as port:
        errors["no PostgreSQL"] = await raised(f"postgresql://evote:x@127.0.0.1:{port}/x")
    assert {name: type(error).__name__ for name, error in errors.items() if not is_outage(error)} == {}


@pytest.mark.stack
async def test_both_ends_give_up_a_session_whose_other_end_is_gone_within_ten_seconds(database_url: str) -> None:
    async with await open_pool(SecretStr(database_url), "example") as pool, pool.acquire() as connection:
        lock = await open_session(SecretStr(database_url), "evote-lock")
        for session in (connection, lock):
            sock = session._transport.get_extra_info("socket")
            idle, interval, count = (
                sock.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert idle + interval * count <= 10
            assert 0 < sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 10_000
            said = [
                int(await session.fetchval("SELECT current_setting($1)", f"tcp_{name}"))
                for name in ("keepalives_idle", "keepalives_interval", "keepalives_count")
            ]
            assert said[0] + said[1] * said[2] <= 10
            assert int(await session.fetchval("SELECT current_setting('tcp_user_timeout')")) == 10_000
        lock.terminate()


def test_an_error_without_a_number_that_is_no_networks_is_no_outage() -> None:
    assert not is_outage(OSError("picture is truncated"))
    assert is_outage(asyncpg.TooManyConnectionsError("sorry, too many clients already"))
