"""The vaults, on a real PostgreSQL: rows which no replay brings back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from evote_auth.service import SCHEMA as AUTH
from evote_biometric.service import SCHEMA as BIOMETRIC
from evote_local.nodes.postgres import PostgresServer
from evote_local.stack.databases import SchemaAccess, create_schemas
from evote_platform.database import migrate
from evote_platform.roles import role_statements
from pydantic import SecretStr

from .conftest import Operator, fingerprint
from .test_swaps import IN_PLACE, RENAMED, swap_at

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ROW = "INSERT INTO auth.vault_rolls VALUES ('of-the-roll', true, NULL)"


@pytest.fixture(scope="module")
def server(stack_directory: Path) -> Iterator[PostgresServer]:
    node = PostgresServer(stack_directory / "backup-postgres")
    node.start()
    yield node
    node.kill()


@pytest.fixture(scope="module")
def access(server: PostgresServer) -> dict[str, SchemaAccess]:
    access = create_schemas(server, ("auth", "biometric"))
    for schema in (AUTH, BIOMETRIC):
        migrate(SecretStr(access[schema.name].owner_url), schema)
    return access


def reach(url: str, patch: pytest.MonkeyPatch) -> None:
    """libpq's variables for a database."""
    parts = urlsplit(url)
    values = {
        "PGHOST": parts.hostname,
        "PGPORT": parts.port,
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.path[1:],
    }
    for name, value in values.items():
        patch.setenv(name, str(value))


async def execute(url: str, *statements: str) -> list[asyncpg.Record]:
    """What the last one gives."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()


@pytest.fixture
def elsewhere(server: PostgresServer) -> Iterator[str]:
    """An empty database beside, as its administrator reaches it."""
    yield server.create_database("elsewhere")
    server.drop_database("elsewhere")


async def test_auths_vault_comes_back_with_its_rows_owner_and_grants(
    operator: Operator,
    server: PostgresServer,
    access: dict[str, SchemaAccess],
    elsewhere: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await execute(access["auth"].service_url, ROW)
    reach(access["auth"].owner_url, monkeypatch)
    made = operator.made("--schema", "auth")
    assert "schema auth" in operator.check(made).out
    # As `evote-auth roles` leaves a new database: an empty schema is in nobody's way.
    await execute(elsewhere, role_statements(AUTH), "SELECT 1")
    reach(elsewhere, monkeypatch)
    said = operator.restore(made)
    assert said.status == 0, said.err
    assert "replay" in said.out
    service = access["auth"].service_url.rsplit("/", 1)[0] + "/elsewhere"
    assert await execute(service, "SELECT election_uuid FROM auth.vault_rolls") == [("of-the-roll",)]
    await execute(service, "DELETE FROM auth.vault_rolls")
    owner = access["auth"].owner_url.rsplit("/", 1)[0] + "/elsewhere"
    migrate(SecretStr(owner), AUTH)
    # What a later migration makes is the service's to use, too.
    await execute(owner, "CREATE TABLE auth.later (id int)")
    await execute(service, "SELECT * FROM auth.later")


async def test_a_schema_that_has_anything_is_left_as_it_is(
    operator: Operator, access: dict[str, SchemaAccess], elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(access["auth"].owner_url, monkeypatch)
    made = operator.made("--schema", "auth")
    await execute(elsewhere, role_statements(AUTH), "CREATE TABLE auth.vault_rolls AS SELECT 'newer' AS election_uuid")
    reach(elsewhere, monkeypatch)
    said = operator.restore(made)
    assert (said.status, "something in the schema auth is there already" in said.err) == (1, True), said.err
    assert await execute(elsewhere, "SELECT * FROM auth.vault_rolls") == [("newer",)]


async def test_a_restore_that_fails_in_the_database_leaves_no_folder_and_no_table(
    operator: Operator,
    server: PostgresServer,
    access: dict[str, SchemaAccess],
    elsewhere: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service's role may not make a schema; keys and vault are put back together, or not at all."""
    reach(access["auth"].owner_url, monkeypatch)
    made = operator.made("--schema", "auth", "--keys", operator.keys)
    reach(access["auth"].service_url.rsplit("/", 1)[0] + "/elsewhere", monkeypatch)
    said = operator.restore(made, "--into", operator.directory / "back")
    assert (said.status, "pg_restore ended with status 1" in said.err) == (1, True), said.err
    assert not (operator.directory / "back").exists()
    assert not (operator.directory / "back.unfinished").exists()
    assert await execute(elsewhere, "SELECT 1 FROM pg_namespace WHERE nspname = 'auth'") == []


@pytest.mark.parametrize(("swap", "put_back"), [(RENAMED, True), (IN_PLACE, False)])
async def test_sql_that_takes_the_place_of_a_checked_vault_is_never_run(
    operator: Operator,
    access: dict[str, SchemaAccess],
    elsewhere: str,
    monkeypatch: pytest.MonkeyPatch,
    swap: str,
    put_back: bool,
) -> None:
    """The database's administrator would run it, and a program of the server's too."""
    reach(access["auth"].owner_url, monkeypatch)
    made = operator.made("--schema", "auth")
    noted, vault = fingerprint(made), made / "auth.dump.age"
    reach(elsewhere, monkeypatch)
    await execute(elsewhere, "CREATE SCHEMA auth", "CREATE TABLE auth.forged (id int)", "SELECT 1")
    operator.sets = operator.directory / "forged"
    operator.sets.mkdir()
    forged = operator.made("--schema", "auth") / vault.name
    await execute(elsewhere, "DROP SCHEMA auth CASCADE", "SELECT 1")
    swap_at(monkeypatch, operator, "pg_restore", "--file=/dev/null", swap.format(forged=forged, target=vault))
    said = operator.restore(made, noted=noted)
    assert vault.read_bytes() == forged.read_bytes(), "it was swapped"
    assert (said.status == 0) is put_back, said.err
    found = await execute(elsewhere, "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('auth')")
    tables = {str(table["relname"]) for table in found}
    assert "forged" not in tables
    assert ("vault_rolls" in tables) is put_back


def test_faces_go_with_nothing_else_and_have_an_end_of_their_own(
    operator: Operator, access: dict[str, SchemaAccess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against whoever keeps all backups for as long as the law asks for the roll's."""
    for more in (("--schema", "auth"), ("--keys", operator.keys)):
        said = operator.make("--schema", "biometric", *more)
        assert (said.status, "make a set of --schema biometric alone" in said.err) == (1, True)
    assert list(operator.sets.iterdir()) == []
    reach(access["biometric"].owner_url, monkeypatch)
    made = operator.made("--schema", "biometric", days=3)
    assert operator.check(made).status == 0


def test_no_schema_that_the_log_brings_back_is_taken(operator: Operator) -> None:
    assert "invalid choice: 'ballot'" in operator.make("--schema", "ballot").err


def test_what_pg_dump_can_not_read_makes_no_set(
    operator: Operator, access: dict[str, SchemaAccess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """auth's owner sees nothing of biometric's schema."""
    reach(access["auth"].owner_url, monkeypatch)
    said = operator.make("--schema", "biometric")
    assert (said.status, "permission denied" in said.err) == (1, True), said.err
    monkeypatch.setenv("PGPORT", "1")
    assert "pg_dump ended with status" in operator.make("--schema", "auth").err
    assert list(operator.sets.iterdir()) == []
