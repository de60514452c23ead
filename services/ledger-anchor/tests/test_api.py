from __future__ import annotations

from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from evote_tlog.checkpoint import SigningKey, open_checkpoint
from evote_tlog.merkle import Frontier, leaf_hash
from evote_tlog.proof import verify_consistency, verify_inclusion
from evote_tlog.tiles import tiles_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.stack


def problem(response: httpx.Response, status: int) -> str:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["type"]).rpartition(":")[2]


async def test_an_auditor_can_check_the_whole_log_with_the_key_alone(
    log: Any, events: Any, client: httpx.AsyncClient, whole_log: Any
) -> None:
    records = []
    for start, count in ((0, 1), (1, 255), (256, 44), (300, 2300)):
        records += await log.append(events.ballot(number) for number in range(start, start + count))
        assert await whole_log(client) == [record.value for record in records]


async def test_every_proof_of_the_api_verifies(
    log: Any, events: Any, client: httpx.AsyncClient, key: SigningKey
) -> None:
    records = await log.append(events.ballot(number) for number in range(600))
    frontier, roots = Frontier(), []
    for record in records:
        roots.append(frontier.root())
        frontier.append(leaf_hash(record.value))
    roots.append(frontier.root())
    for index, size in ((0, 1), (0, 600), (255, 256), (256, 257), (300, 511), (599, 600), (599, None)):
        parameters = {"index": index} | ({} if size is None else {"size": size})
        answer = (await client.get("/proofs/inclusion", params=parameters)).json()
        by_leaf = {**parameters, "leaf_hash": answer["leaf_hash"]}
        del by_leaf["index"]
        assert (await client.get("/proofs/inclusion", params=by_leaf)).json() == answer
        hashes = [bytes.fromhex(text) for text in answer["hashes"]]
        verify_inclusion(leaf_hash(records[index].value), index, answer["size"], hashes, roots[answer["size"]])
    assert open_checkpoint(answer["checkpoint"], key.verifier).root == roots[600]
    for first, second in ((1, 1), (1, 600), (256, 512), (257, 600), (599, None), (600, 600)):
        parameters = {"first": first} | ({} if second is None else {"second": second})
        answer = (await client.get("/proofs/consistency", params=parameters)).json()
        hashes = [bytes.fromhex(text) for text in answer["hashes"]]
        verify_consistency(first, answer["second"], hashes, roots[first], roots[answer["second"]])


async def test_an_older_checkpoint_keeps_its_partial_tiles(log: Any, events: Any, client: httpx.AsyncClient) -> None:
    await log.append(events.ballot(number) for number in range(300))
    before = {tile.path: (await client.get(f"/{tile.path}")).content for tile in tiles_of(300)}
    await log.append(events.ballot(number) for number in range(300, 600))
    for path, content in before.items():
        response = await client.get(f"/{path}")
        assert response.content == content
        assert "immutable" in response.headers["cache-control"]
    assert len((await client.get("/tile/0/000")).content) == 8192


async def test_the_checkpoint_and_key_are_text_that_caches_soon_forget(
    log: Any, events: Any, client: httpx.AsyncClient, key: SigningKey
) -> None:
    assert problem(await client.get("/checkpoint"), 404) == "empty-log"
    assert problem(await client.get("/proofs/inclusion?index=0"), 404) == "empty-log"
    await log.append([events.ballot(1)])
    response = await client.get("/checkpoint")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=1"
    assert open_checkpoint(response.content, key.verifier).size == 1
    assert (await client.get("/log-key")).text == key.verifier.text


@pytest.mark.parametrize(
    "path",
    [
        "/checkpoint",
        "/log-key",
        "/tile/0/000.p/1",
        "/proofs/inclusion?index=0",
        "/proofs/consistency?first=1",
        "/anchors",
        "/coverage",
        "/notices",
    ],
)
async def test_who_has_a_public_answer_is_told_so_and_no_more(
    log: Any, events: Any, client: httpx.AsyncClient, path: str
) -> None:
    await log.append([events.credentials(0)])
    given = await client.get(path)
    assert given.headers["cache-control"].startswith("public, max-age=")
    again = await client.get(path, headers={"If-None-Match": given.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", given.headers["etag"])


async def test_a_record_too_long_for_a_bundle_is_served_and_proved_all_the_same(
    log: Any, events: Any, client: httpx.AsyncClient
) -> None:
    records = await log.append([events.ballot(0), events.ballot(1, size=200_000), events.ballot(2)])
    response = await client.get("/tile/entries/000.p/3")
    assert problem(response, 404) == "entry-too-large"
    assert (await client.get("/tile/entries/000.p/1")).status_code == 200
    content = (await client.get("/tile/records/000.p/3")).content
    found, at = [], 0
    while at < len(content):
        end = at + 4 + int.from_bytes(content[at : at + 4], "big")
        found.append(content[at + 4 : end])
        at = end
    assert found == [record.value for record in records]
    leaf = leaf_hash(records[1].value)
    answer = (await client.get(f"/proofs/inclusion?leaf_hash={leaf.hex()}")).json()
    assert answer["log_index"] == 1
    assert (await client.get("/tile/0/000.p/3")).content[32:64] == leaf


async def test_a_bundle_waits_for_records_that_are_still_on_their_way(
    log: Any, events: Any, client: httpx.AsyncClient
) -> None:
    records = [log.record(events.ballot(number)) for number in range(2)]
    await log.apply(records[0])
    for checkpoint in await log.checkpoints(records):
        await log.apply(checkpoint)
    response = await client.get("/tile/entries/000.p/2")
    assert problem(response, 503) == "records-behind"
    assert response.headers["retry-after"] == "1"
    await log.apply(records[1])
    assert (await client.get("/tile/entries/000.p/2")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/tile/0/000", 404, "unknown-tile"),
        ("/tile/0/000.p/4", 404, "unknown-tile"),
        ("/tile/1/000.p/1", 404, "unknown-tile"),
        ("/tile/63/000.p/1", 404, "unknown-tile"),
        ("/tile/0/001", 404, "unknown-tile"),
        ("/tile/64/000", 404, "unknown-tile"),
        ("/tile/00/000.p/3", 404, "unknown-tile"),
        ("/tile/0/0.p/3", 404, "unknown-tile"),
        ("/tile/0/000.p/03", 404, "unknown-tile"),
        ("/tile/0/x999/x999/x999/x999/x999/x999/999", 404, "unknown-tile"),
        ("/tile/entries/000", 404, "unknown-tile"),
        ("/tile/entries/x999/x999/x999/x999/x999/x999/999.p/3", 404, "unknown-tile"),
        ("/tile/records/000.p/256", 404, "unknown-tile"),
        ("/tile/%00/000", 404, "unknown-tile"),
        ("/proofs/inclusion", 422, "invalid-request"),
        ("/proofs/inclusion?index=0&leaf_hash=" + "0" * 64, 422, "invalid-request"),
        ("/proofs/inclusion?leaf_hash=" + "g" * 64, 422, "invalid-request"),
        ("/proofs/inclusion?leaf_hash=" + "0" * 64, 404, "unknown-leaf"),
        ("/proofs/inclusion?index=3", 404, "unknown-leaf"),
        ("/proofs/inclusion?index=2&size=2", 404, "unknown-leaf"),
        ("/proofs/inclusion?index=0&size=0", 404, "unknown-leaf"),
        ("/proofs/inclusion?index=0&size=4", 404, "unknown-size"),
        ("/proofs/inclusion?index=-1", 422, "invalid-request"),
        ("/proofs/inclusion?index=9007199254740991", 404, "unknown-leaf"),
        ("/proofs/consistency?first=0", 422, "no-such-proof"),
        ("/proofs/consistency?first=3&second=2", 422, "no-such-proof"),
        ("/proofs/consistency?first=1&second=9", 404, "unknown-size"),
        ("/proofs/consistency", 422, "invalid-request"),
    ],
)
async def test_what_the_log_does_not_have_is_said_plainly(
    log: Any, events: Any, client: httpx.AsyncClient, path: str, status: int, slug: str
) -> None:
    await log.append(events.ballot(number) for number in range(3))
    assert problem(await client.get(path), status) == slug


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["/tile/", "/tile/0/", "/tile/entries/", "/tile/records/", "/proofs/inclusion?index="]),
    st.binary(max_size=20)
    | st.text("x0123456789/.p", max_size=30).map(str.encode)
    | st.integers().map(lambda number: str(number).encode()),
)
async def test_no_path_makes_a_server_error(client: httpx.AsyncClient, prefix: str, rest: bytes) -> None:
    response = await client.get(prefix + quote(rest, safe="/"))
    assert response.status_code in {404, 422}


async def test_a_database_that_is_away_is_503(
    log: Any, events: Any, client: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await log.append([events.ballot(1)])
    await pool.close()
    response = await client.get("/checkpoint")
    assert problem(response, 503) == "database-unavailable"
