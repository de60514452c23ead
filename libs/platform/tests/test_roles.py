"""What the roles of a schema may do, on a real PostgreSQL: the owner migrates, the service reads and writes rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.tls import LocalAuthority
from evote_local.stack.databases import DATABASE, SchemaAccess, create_schemas
from evote_platform.database import Schema, SchemaBehind, migrate, schema_pool
from pydantic import SecretStr
from structlog.testing import capture_logs

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ONE, OTHER = "ballot", "auth"


@pytest.fixture(scope="module")
def authority(stack_directory: Path) -> LocalAuthority:
    return LocalAuthority(stack_directory / "roles-tls")


@pytest.fixture(scope="module")
def server(stack_directory: Path, authority: LocalAuthority) -> Iterator[PostgresServer]:
    node = PostgresServer(stack_directory / "roles-postgres", authority=authority)
    # The data folder must be there before the server's key is put into it.
    node.start()
    yield node
    node.kill()


@pytest.fixture(scope="module")
def access(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, SchemaAccess]:
    return create_schemas(server, (ONE, OTHER))


@pytest.fixture(scope="module")
def schema(access: dict[str, SchemaAccess], tmp_path_factory: pytest.TempPathFactory) -> Schema:
    folder = tmp_path_factory.mktemp("migrations")
    (folder / "0001-first.sql").write_text("CREATE TABLE thing (id bigint GENERATED ALWAYS AS IDENTITY, name text);")
    for name in (ONE, OTHER):
        migrate(SecretStr(access[name].owner_url), Schema(name, folder))
    return Schema(ONE, folder)


async def test_the_service_reads_writes_and_empties_its_tables(access: dict[str, SchemaAccess], schema: Schema) -> None:
    async with schema_pool(SecretStr(access[ONE].service_url), schema) as pool:
        await pool.execute("INSERT INTO thing (name) VALUES ('x')")
        assert await pool.fetchval("SELECT name FROM thing") == "x"
        await pool.execute("TRUNCATE thing")
        assert await pool.fetchval("SELECT count(*) FROM thing") == 0


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT * FROM {OTHER}.thing",
        f"INSERT INTO {OTHER}.thing (name) VALUES ('x')",
        f"DELETE FROM {OTHER}.thing",
        f"TRUNCATE {OTHER}.thing",
        "ALTER TABLE thing ADD COLUMN more text",
        "DROP TABLE thing",
        "CREATE TABLE mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        f"SET ROLE evote_{ONE}_owner",
        f"SET ROLE evote_{OTHER}",
    ],
)
async def test_the_service_may_nothing_else(access: dict[str, SchemaAccess], schema: Schema, statement: str) -> None:
    async with schema_pool(SecretStr(access[ONE].service_url), schema) as pool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_an_owner_sees_no_other_schema(access: dict[str, SchemaAccess], schema: Schema) -> None:
    connection = await asyncpg.connect(access[ONE].owner_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"SELECT * FROM {OTHER}.thing")
    finally:
        await connection.close()


async def test_a_service_sees_what_replicas_of_other_services_may_open(
    access: dict[str, SchemaAccess], schema: Schema
) -> None:
    async with schema_pool(SecretStr(access[OTHER].service_url), Schema(OTHER, schema.migrations), max_size=150):
        with capture_logs() as said:
            async with schema_pool(SecretStr(access[ONE].service_url), schema, max_size=100):
                pass
    assert [line["replicas_may_open"] for line in said] == [250]


async def test_a_service_does_not_start_before_its_migrations(access: dict[str, SchemaAccess], schema: Schema) -> None:
    (schema.migrations / "0002-next.sql").write_text("ALTER TABLE thing ADD COLUMN more text;")
    url = SecretStr(access[ONE].service_url)
    with pytest.raises(SchemaBehind) as behind:
        async with schema_pool(url, schema):
            pass
    assert behind.value.missing == ("0002-next",)
    await asyncio.to_thread(migrate, SecretStr(access[ONE].owner_url), schema)
    async with schema_pool(url, schema):
        pass
    # The release before it goes on over tables that it doesn't know all of.
    (schema.migrations / "0002-next.sql").unlink()
    async with schema_pool(url, schema):
        pass


async def test_a_migration_gives_up_before_it_makes_everybody_wait(
    access: dict[str, SchemaAccess], schema: Schema, server: PostgresServer, tmp_path: Path
) -> None:
    for file in schema.migrations.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "0009-blocked.sql").write_text("ALTER TABLE thing ADD COLUMN blocked text;")
    connection = await asyncpg.connect(server.dsn(DATABASE))
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {ONE}.thing IN ACCESS SHARE MODE")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                await asyncio.to_thread(migrate, SecretStr(access[ONE].owner_url), Schema(ONE, tmp_path))
    finally:
        await connection.close()


async def test_the_servers_certificate_and_its_name_are_checked(
    access: dict[str, SchemaAccess], schema: Schema, authority: LocalAuthority, tmp_path: Path
) -> None:
    def url(ca_file: Path) -> SecretStr:
        return SecretStr(f"{access[ONE].service_url}?sslmode=verify-full&sslrootcert={ca_file}")

    async with schema_pool(url(authority.ca_file), schema) as pool:
        assert await pool.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    with pytest.raises(OSError, match="certificate"):
        async with schema_pool(url(LocalAuthority(tmp_path).ca_file), schema):
            pass
