"""Who may call: what persons on the roster have signed, for exactly this request, now."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from evote_officers.commands import ACCESS_SCHEME, COMMAND_SCHEME, authorization
from evote_officers.signing import Officer
from evote_platform.roster import RosterFile
from evote_platform.settings import CannotStart

from .conftest import ACT, KEYS, NOW, SCRAPER, roster_text

SATO, SUZUKI, KATO = (Officer("test", name, KEYS[name]) for name in ("sato", "suzuki", "kato"))


def random(size: int) -> bytes:
    return bytes(size)


def slug(response: httpx.Response) -> str:
    return str(response.json()["type"]).rsplit(":", 1)[-1]


async def test_a_command_tells_the_endpoint_who_and_why_however_its_path_is_encoded(client: httpx.AsyncClient) -> None:
    first = SATO.command(ACT, "/acts/甲 1", b"{}", reason="理由", now=NOW, random=random)
    headers = {"Authorization": authorization(COMMAND_SCHEME, [first, SUZUKI.cosign(first)])}
    for path in ("/acts/甲 1", "/acts/%E7%94%B2%201"):
        answer = await client.post(path, content=b"{}", headers=headers)
        assert answer.json() == {"who": "Sato、Suzuki", "why": "理由", "body": "{}"}
    assert slug(await client.post("/acts/甲 1", content=b"{} ", headers=headers)) == "command-of-another"


async def test_a_request_to_read_is_good_for_its_path_its_query_and_two_minutes(client: httpx.AsyncClient) -> None:
    async def read(officer: Officer, path: str, query: str, age: timedelta = timedelta()) -> httpx.Response:
        statement = officer.access("example", path, query, now=NOW - age, random=random)
        return await client.get("/read?x=%31", headers={"Authorization": authorization(ACCESS_SCHEME, [statement])})

    assert (await read(KATO, "/read", "x=%31")).json() == {"ok": True}
    assert slug(await read(KATO, "/read", "x=2")) == "command-of-another"
    assert slug(await read(KATO, "/other", "x=%31")) == "command-of-another"
    assert slug(await read(KATO, "/read", "x=%31", timedelta(minutes=3))) == "command-untimely"
    assert slug(await read(SATO, "/read", "x=%31")) == "forbidden", "another role"
    assert slug(await client.get("/read")) == "unauthorized"


async def test_a_command_reads_nothing_and_a_request_to_read_commands_nothing(client: httpx.AsyncClient) -> None:
    command = SATO.command(ACT, "/acts/x", b"", reason="r", now=NOW, random=random)
    access = SATO.access("example", "/acts/x", "", now=NOW, random=random)
    swapped = {"Authorization": authorization(COMMAND_SCHEME, [access, SUZUKI.cosign(command)])}
    assert slug(await client.post("/acts/x", headers=swapped)) == "command-malformed"
    swapped = {"Authorization": authorization(ACCESS_SCHEME, [command])}
    assert slug(await client.get("/read", headers=swapped)) == "command-malformed"


def rewrite(roster: Path, document: object) -> None:
    roster.write_text(json.dumps(document))


async def test_metrics_are_for_programs_that_the_roster_names_while_it_does(
    client: httpx.AsyncClient, roster: Path
) -> None:
    assert (await client.get("/metrics", headers=SCRAPER)).status_code == 200
    for header in ("", "Bearer", "Bearer another", "Basic scraper"):
        refused = await client.get("/metrics", headers={"Authorization": header})
        assert (refused.status_code, slug(refused)) == (401, "scraper-unknown")
        assert refused.headers["www-authenticate"] == "Bearer"
    statement = KATO.access("example", "/metrics", "", now=NOW, random=random)
    signed = await client.get("/metrics", headers={"Authorization": authorization(ACCESS_SCHEME, [statement])})
    assert slug(signed) == "scraper-unknown", "a person is no scraper"
    document = json.loads(roster_text(*KEYS))
    (entry,) = document["scrapers"]
    for changed in (
        {"valid_from": (NOW + timedelta(days=1)).isoformat()},
        {"valid_until": NOW.isoformat()},
        {"token_sha256": "0" * 64},
    ):
        rewrite(roster, {**document, "scrapers": [{**entry, **changed}]})
        assert slug(await client.get("/metrics", headers=SCRAPER)) == "scraper-unknown"
    rewrite(roster, {**document, "scrapers": [entry, {**entry, "name": "another"}]})
    assert slug(await client.get("/metrics", headers=SCRAPER)) == "scraper-unknown", "two with one token are no roster"


def test_a_roster_that_is_missing_or_contradicts_itself_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "roster.json"
    with pytest.raises(CannotStart, match=r"roster\.json"):
        RosterFile(path)
    path.write_text(roster_text("sato", "sato"))
    with pytest.raises(CannotStart, match="same id"):
        RosterFile(path)


def test_the_roster_is_read_again_when_its_file_changes_and_kept_while_that_is_unusable(roster: Path) -> None:
    file = RosterFile(roster)
    roster.write_text(roster_text("kato"))
    assert file.current().person("sato") is None and asyncio.run(file.check()) is None
    roster.unlink()
    assert file.current().person("kato") is not None
    assert "No such file" in (asyncio.run(file.check()) or "")
    roster.write_text(roster_text("sato"))
    assert file.current().person("sato") is not None and asyncio.run(file.check()) is None
