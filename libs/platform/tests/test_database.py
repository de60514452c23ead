from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import asyncpg
import psycopg
import pytest
from evote_local.testbed import eventually
from evote_platform import database
from evote_platform.database import Schema, database_check, migrate, open_pool
from evote_platform.process_metrics import show_pool
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

pytestmark = pytest.mark.stack


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001-first.sql").write_text("CREATE TABLE thing (id bigint PRIMARY KEY);\n")
    (folder / "0002-second.sql").write_text("INSERT INTO thing VALUES (1);\n")
    return folder


async def test_replicas_that_start_together_migrate_once(database_url: str, migrations: Path) -> None:
    url = SecretStr(database_url)
    await asyncio.gather(*(asyncio.to_thread(migrate, url, Schema("example", migrations)) for _ in range(6)))
    async with await open_pool(url, "example") as pool:
        assert [row["id"] for row in await pool.fetch("SELECT id FROM thing")] == [1]
        assert await pool.fetchval("SELECT to_regclass('public.thing')") is None
        assert await database_check(pool)() is True


async def test_a_later_migration_is_applied_to_what_is_there(database_url: str, migrations: Path) -> None:
    url = SecretStr(database_url)
    await asyncio.to_thread(migrate, url, Schema("example", migrations))
    (migrations / "0003-third.sql").write_text("INSERT INTO thing VALUES (2);\n")
    await asyncio.to_thread(migrate, url, Schema("example", migrations))
    async with await open_pool(url, "example") as pool:
        assert await pool.fetchval("SELECT count(*) FROM thing") == 2


async def test_a_migration_that_fails_leaves_nothing_of_itself(database_url: str, migrations: Path) -> None:
    url = SecretStr(database_url)
    (migrations / "0003-third.sql").write_text("INSERT INTO thing VALUES (2); INSERT INTO nowhere VALUES (1);\n")
    for _ in range(2):
        with pytest.raises(psycopg.Error):
            await asyncio.to_thread(migrate, url, Schema("example", migrations))
    async with await open_pool(url, "example") as pool:
        assert [row["id"] for row in await pool.fetch("SELECT id FROM thing")] == [1]


async def test_who_is_cut_off_before_a_migration_is_noted_may_repeat_it(database_url: str, migrations: Path) -> None:
    url, schema = SecretStr(database_url), Schema("example", migrations)
    await asyncio.to_thread(migrate, url, schema)
    (migrations / "0003-third.sql").write_text("CREATE TABLE later (id bigint PRIMARY KEY);\n")
    async with await open_pool(url, "example") as pool, pool.acquire() as other:

        async def cut_off() -> bool:
            return bool(
                await pool.fetchval(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE NOT granted AND relation = '_yoyo_migration'::regclass"
                )
            )

        async with other.transaction():
            # Notes can be read, and not be written.
            await other.execute("LOCK TABLE _yoyo_migration IN SHARE MODE")
            attempt = asyncio.create_task(asyncio.to_thread(migrate, url, schema))
            await eventually(cut_off)
            with pytest.raises(psycopg.Error):
                await attempt
        assert await pool.fetchval("SELECT to_regclass('later')") is None
        await asyncio.to_thread(migrate, url, schema)
        assert await pool.fetchval("SELECT count(*) FROM later") == 0


async def test_whoever_has_no_name_on_the_machine_migrates_too(
    database_url: str, migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    for _ in range(2):
        await asyncio.to_thread(migrate, SecretStr(database_url), Schema("example", migrations))


async def test_a_connection_that_is_given_back_is_clean_and_asks_the_server_nothing(
    database_url: str, migrations: Path
) -> None:
    url, asked = SecretStr(database_url), list[str]()
    await asyncio.to_thread(migrate, url, Schema("example", migrations))
    async with await open_pool(url, "example", max_size=1) as pool:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
            await connection.execute("DELETE FROM thing")
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT count(*) FROM thing") == 1, "what was left open is undone"
            connection.add_query_logger(lambda query: asked.append(query.query))
            real = connection._con
        assert asked == []
        async with pool.acquire() as connection:
            assert connection._con is real


async def test_what_a_stall_had_opened_is_closed_when_nobody_uses_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_UNUSED_FOR_S", 0.2)
    async with await open_pool(SecretStr(database_url), "example", max_size=3) as pool:
        async with pool.acquire(), pool.acquire(), pool.acquire():
            assert pool.get_size() == 3

        async def one_is_left() -> bool:
            async with pool.acquire() as connection:  # in use all the time, and so it stays
                await connection.fetchval("SELECT 1")
            return pool.get_size() == 1

        await eventually(one_is_left)


async def test_a_statement_that_takes_an_array_is_not_planned_each_time(database_url: str, migrations: Path) -> None:
    url = SecretStr(database_url)
    await asyncio.to_thread(migrate, url, Schema("example", migrations))
    async with await open_pool(url, "example") as pool, pool.acquire() as connection:
        for number in range(10):
            await connection.execute(
                "INSERT INTO thing SELECT n FROM unnest($1::bigint[]) AS n ON CONFLICT DO NOTHING", [number, number + 1]
            )
        plans = await connection.fetchrow(
            "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE 'INSERT%'"
        )
    assert tuple(plans) == (0, 10)


async def test_a_statement_planned_while_a_table_is_small_uses_its_index_when_it_is_large(
    database_url: str, migrations: Path
) -> None:
    url = SecretStr(database_url)
    await asyncio.to_thread(migrate, url, Schema("example", migrations))
    async with await open_pool(url, "example") as pool, pool.acquire() as connection:
        await connection.execute("ANALYZE thing")
        plan = await connection.fetch("EXPLAIN SELECT FROM thing WHERE id = 1")
    assert "Index" in plan[0]["QUERY PLAN"]


async def test_what_has_no_index_to_go_by_is_not_compiled_each_time(database_url: str, migrations: Path) -> None:
    url = SecretStr(database_url)
    await asyncio.to_thread(migrate, url, Schema("example", migrations))
    async with await open_pool(url, "example") as pool, pool.acquire() as connection:
        plan = [row["QUERY PLAN"] for row in await connection.fetch("EXPLAIN SELECT xmin FROM thing")]
    assert "Seq Scan" in plan[0]
    assert len(plan) == 1, "the server would tell of its compiler"


async def test_two_schemas_share_a_database_without_seeing_each_other(database_url: str, migrations: Path) -> None:
    url = SecretStr(database_url)
    for schema in ("one", "two"):
        await asyncio.to_thread(migrate, url, Schema(schema, migrations))
    async with await open_pool(url, "one") as pool:
        await pool.execute("DELETE FROM thing")
    async with await open_pool(url, "two") as pool:
        assert await pool.fetchval("SELECT count(*) FROM thing") == 1


async def test_a_wait_for_a_connection_is_told_also_when_it_was_in_vain(database_url: str) -> None:
    registry = CollectorRegistry()

    def waits(**bound: str) -> float | None:
        name = "evote_db_acquire_duration_seconds"
        return registry.get_sample_value(f"{name}_bucket" if bound else f"{name}_count", bound)

    async with await open_pool(SecretStr(database_url), "example", max_size=1) as pool:
        show_pool(pool, registry)
        async with pool.acquire():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.acquire(), 0.05)
        assert await pool.fetchval("SELECT 1") == 1
    assert waits() == 3
    assert waits(le="0.025") <= 2, "the one in vain took as long as it was waited for"


async def test_a_closed_pool_is_not_ready(database_url: str) -> None:
    pool = await open_pool(SecretStr(database_url), "example")
    check = database_check(pool)
    await pool.close()
    with pytest.raises(asyncpg.InterfaceError):
        await check()


@pytest.mark.parametrize("schema", ["", "Upper", "with space", 'a"b', "a" * 50])
async def test_a_schema_has_a_plain_name(database_url: str, schema: str) -> None:
    with pytest.raises(ValueError, match="schema"):
        await open_pool(SecretStr(database_url), schema)


async def test_a_connection_is_given_back_without_a_task_of_its_own(database_url: str) -> None:
    made, loop = list[object](), asyncio.get_running_loop()

    def noting(its_loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, object]) -> asyncio.Task[object]:
        made.append(work)
        return asyncio.Task(work, loop=its_loop)

    async with await open_pool(SecretStr(database_url), "example", max_size=1) as pool:
        await pool.fetchval("SELECT 1")
        loop.set_task_factory(noting)
        try:
            for _ in range(3):
                assert await pool.fetchval("SELECT 1") == 1
        finally:
            loop.set_task_factory(None)
        assert pool.get_idle_size() == 1
    assert made == []


async def test_who_is_cancelled_while_giving_a_connection_back_leaves_the_pool_whole(database_url: str) -> None:
    async with await open_pool(SecretStr(database_url), "example", max_size=1) as pool:
        in_transaction, before = asyncio.Event(), await pool.fetchval("SELECT pg_backend_pid()")

        async def works() -> None:
            async with pool.acquire() as connection:
                await connection.execute("BEGIN; SELECT set_config('evote.left', 'yes', true)")
                in_transaction.set()
                await asyncio.Event().wait()

        working = asyncio.create_task(works())
        await in_transaction.wait()
        working.cancel()
        await asyncio.sleep(0)  # it gives back, and waits for its rollback
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        after = await pool.fetchrow("SELECT pg_backend_pid() AS pid, current_setting('evote.left', true) AS left")
        assert after is not None
        assert (after["pid"] != before, after["left"] or None) == (True, None)
