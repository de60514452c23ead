"""Until an election has closed the public gets the hashes of its ballots' records, and everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from evote_local.people.staff import Staff
from evote_tlog.merkle import leaf_hash
from evote_tlog.proof import verify_inclusion

pytestmark = pytest.mark.stack


def slug(response: httpx.Response) -> str:
    return str(response.json()["type"]).rpartition(":")[2]


async def records(client: httpx.AsyncClient, size: int) -> list[bytes]:
    response = await client.get(f"/tile/records/000.p/{size}")
    assert response.status_code == 200, response.text
    content, found = response.content, []
    while content:
        end = 4 + int.from_bytes(content[:4], "big")
        found.append(content[4:end])
        content = content[end:]
    return found


async def test_ballots_of_an_open_election_are_empty_and_their_hashes_are_there(
    log: Any, events: Any, public: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    standing = await log.append([events.credentials(0), events.ballot(1), events.ballot(2)])
    values = [record.value for record in standing]
    assert await records(public, 3) == [values[0], b"", b""]
    assert await records(client, 3) == values
    leaves = (await public.get("/tile/0/000.p/3")).content
    assert leaves == b"".join(leaf_hash(value) for value in values)
    proof = (await public.get("/proofs/inclusion", params={"leaf_hash": leaf_hash(values[2]).hex()})).json()
    hashes = [bytes.fromhex(text) for text in proof["hashes"]]
    verify_inclusion(leaf_hash(values[2]), 2, 3, hashes, (await log.pool.fetchval("SELECT root FROM checkpoints")))


async def test_no_cache_keeps_a_bundle_that_changes_at_the_close_or_that_an_auditor_got(
    log: Any, events: Any, public: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await log.append([events.credentials(0), events.ballot(1)])
    caching = [
        (await asked.get(f"/tile/records/000.p/{size}")).headers["cache-control"]
        for asked, size in ((public, 2), (client, 2), (public, 1))
    ]
    assert caching == ["no-store", "no-store", "public, max-age=31536000, immutable"]


async def test_who_has_a_bundle_is_told_so_before_its_records_are_read(
    log: Any, events: Any, public: httpx.AsyncClient
) -> None:
    await log.append([events.credentials(0)])
    tags = [(await public.get(f"/tile/{kind}/000.p/1")).headers["etag"] for kind in ("records", "entries")]
    assert len(set(tags)) == 2
    again = await public.get("/tile/records/000.p/1", headers={"If-None-Match": tags[0]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tags[0])


async def test_after_the_close_the_ballots_of_that_election_are_everybodys(
    log: Any, events: Any, public: httpx.AsyncClient
) -> None:
    other = events.ballot(9, election=events.other_election)
    standing = await log.append([events.ballot(1), other, events.closed()])
    assert await records(public, 3) == [b"", b"", standing[2].value], "ballots may still be on their way to the log"
    await log.append([events.marker(0)])
    assert (await records(public, 4))[:3] == [standing[0].value, b"", standing[2].value]
    withheld = await public.get("/tile/entries/000.p/4")
    assert (withheld.status_code, slug(withheld)) == (404, "entry-withheld")
    assert (await public.get("/tile/entries/000.p/1")).status_code == 200


async def test_a_false_access_is_refused(log: Any, events: Any, public: httpx.AsyncClient, staff: Staff) -> None:
    await log.append([events.ballot(1)])
    strangers = Staff()
    for auth, problem in (
        (None, (401, "unauthorized")),
        (staff.signing("tally"), (403, "command-of-another")),
        (strangers.signing("ledger-anchor"), (403, "forbidden")),
    ):
        headers = {"Authorization": "Bearer another"}  # which a signature replaces
        refused = await public.get("/tile/records/000.p/1", headers=headers, auth=auth)
        assert (refused.status_code, slug(refused)) == problem


async def test_who_was_taken_off_the_roster_reads_what_the_public_does_at_once(
    log: Any, events: Any, client: httpx.AsyncClient, staff: Staff, roster_file: Path
) -> None:
    await log.append([events.ballot(1)])
    assert (await client.get("/tile/records/000.p/1")).status_code == 200
    staff.write_roster(roster_file, [staff.sato])
    refused = await client.get("/tile/records/000.p/1")
    assert (refused.status_code, slug(refused)) == (403, "forbidden")
