"""What anyone may see: the board, the turnout, and the same tables after a replay."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from math import isnan
from time import monotonic
from types import SimpleNamespace
from urllib.parse import quote

import asyncpg
import pytest
from aiokafka.cluster import ClusterMetadata
from evote_ballot import readback, store, turnout
from evote_ballot.api.routes import cast, router, status
from evote_ballot.metrics import TurnoutMetrics
from evote_ballot.projection import BallotProjection
from evote_ballot.service import SERVICE
from evote_ballot.turnout import LIVE, Feed, ShownTurnout
from evote_eventlog.events import ElectionAbandoned, ElectionOpened
from evote_eventlog.reading import LogReader
from evote_eventlog.replay import replay
from evote_local.people.staff import Staff
from evote_local.testbed import eventually
from evote_platform.clock import parse_rfc3339
from evote_platform.database import open_pool
from evote_platform.reads import Reads
from evote_tlog.merkle import leaf_hash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("route", [cast, status])
def test_what_each_voter_asks_for_goes_the_short_way(route) -> None:
    assert [each.plain_handler is not None for each in router.routes if each.endpoint is route] == [True]


async def test_the_board_is_paged_in_log_order(place) -> None:
    receipts = [await place.cast(voter) for voter in (0, 1, 2, 0)]
    await place.log(*receipts)
    seen, after = [], ""
    while True:
        page = (await place.audited(f"ballots?limit=3{after}")).json()
        seen += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [line["tracker"] for line in seen] == [receipt["tracker"] for receipt in receipts]
    assert [line["superseded"] for line in seen] == [True, False, False, False]
    assert page["log_size"] == 4


async def test_an_opening_behind_an_abandonment_opens_nothing(place) -> None:
    """It doesn't stand: nobody may vote in what nobody will count."""
    abandoned = "1" * 14
    opening = ElectionOpened(
        election_uuid=abandoned,
        election_json="{}",
        trustees_json="[]",
        credentials_sha256="0" * 64,
        opens_at="2026-01-01T00:00:00.000Z",
        closes_at="2126-01-01T00:00:00.000Z",
    )
    later = opening.model_copy(update={"election_uuid": "2" * 14})
    for event in (ElectionAbandoned(election_uuid=abandoned), opening, later):
        await place.services.producer.publish(event)

    async def opened() -> list[str]:
        rows = await place.service.pool.fetch("SELECT election_uuid FROM elections ORDER BY 1")
        return [row["election_uuid"] for row in rows]

    async def read_to_the_end() -> bool:
        return later.election_uuid in await opened()

    await eventually(read_to_the_end)
    assert abandoned not in await opened()


async def test_a_ballot_is_witnessed_and_anchored_by_the_first_that_covers_it(place) -> None:
    first, second = [await place.cast(voter) for voter in (0, 1)]
    await place.log(first)
    await place.log(second)
    await place.services.publish_witnessed(1)
    await place.services.publish_verified(2)
    await place.services.publish_witnessed(2)

    async def both_known() -> bool:
        status = await place.status(second["tracker"])
        return status["state"] == "anchored" and "witnessed_size" in status

    await eventually(both_known)
    statuses = [await place.status(receipt["tracker"]) for receipt in (first, second)]
    assert [status["witnessed_size"] for status in statuses] == [1, 2]
    anchor = {"chain": "ethereum", "ledger": "eip155:1:0xA", "size": 2, "transaction": "0x2", "block": 2}
    assert [status["anchors"] for status in statuses] == [[anchor], [anchor]]


async def test_no_state_is_shown_before_it_is_reached(place) -> None:
    receipts = [await place.cast(voter) for voter in (0, 1, 2)]
    await place.services.publish_witnessed(1)
    await place.log(*receipts[:2])
    await place.services.publish_verified(1)

    async def anchored() -> bool:
        return (await place.status(receipts[0]["tracker"]))["state"] == "anchored"

    await eventually(anchored)
    assert [(await place.status(receipt["tracker"]))["state"] for receipt in receipts[1:]] == ["logged", "accepted"]


async def test_the_turnout_counts_voters_and_ballots_apart(place) -> None:
    receipts = [await place.cast(voter) for voter in (0, 0, 1)]
    await place.log(*receipts[:2])

    async def counted() -> bool:
        told = (await place.client.get(f"{place.base}/turnout")).json()
        return tuple(told[name] for name in ("accepted", "logged", "voters", "roll_size")) == (3, 2, 1, 3)

    await eventually(counted)


async def test_each_voter_counts_once_in_the_hour_of_the_first_ballot(place) -> None:
    receipts = [await place.cast(voter) for voter in (0, 0, 1)]
    await place.log(*receipts)

    async def counted() -> bool:
        async with place.service.reads.acquire() as connection:
            hours = await store.voters_by_hour(connection, place.election.uuid)
        return sum(hours.values()) == 2 and min(hours) == parse_rfc3339(f"{receipts[0]['accepted_at'][:13]}:00:00Z")

    await eventually(counted)
    by_hour = (await place.client.get(f"{place.base}/turnout/by-hour")).json()
    assert by_hour["items"] == [], "two voters are too few to be told"


async def test_the_status_names_the_entry_of_the_log_and_that_is_the_records(place) -> None:
    receipt = await place.cast(0)
    assert "leaf_hash" not in await place.status(receipt["tracker"])
    await place.log(receipt)
    async with await open_pool(place.settings.database_url, SERVICE) as pool:
        record = await pool.fetchval("SELECT record FROM ballots WHERE tracker = $1", receipt["tracker"])

    async def named() -> bool:
        return (await place.status(receipt["tracker"])).get("leaf_hash") == leaf_hash(record).hex()

    await eventually(named)


async def test_operators_are_shown_the_public_turnout_and_no_number_while_it_cannot_be_counted(place) -> None:
    await place.log(await place.cast(0), await place.cast(0))
    registry = CollectorRegistry()
    metrics = TurnoutMetrics(registry)

    async def shown() -> tuple[float | None, ...]:
        await ShownTurnout(Feed(store.turnout, LIVE, reads, place.clock), reads, metrics, place.clock)._show()
        names = ("evote_turnout_listed_voters", "evote_turnout_voters", "evote_turnout_ballots")
        return tuple(registry.get_sample_value(name) for name in names)

    async def counted() -> bool:
        return await shown() == (3, 1, 2)

    reads = place.service.reads
    await eventually(counted)
    place.clock.moved += timedelta(days=400)
    assert await shown() == (0, 0, 0), "no election is open"
    pool = await open_pool(place.settings.database_url, "ballot")
    await pool.close()
    showing = asyncio.create_task(ShownTurnout(place.service.turnout, Reads(pool), metrics, place.clock).run())

    async def no_number() -> bool:
        return isnan(registry.get_sample_value("evote_turnout_voters"))

    await eventually(no_number)
    assert not showing.done(), "it counts again when the database is back"
    showing.cancel()


async def test_operators_turnout_looks_at_every_ballot_once_a_minute(place, monkeypatch) -> None:
    pauses: list[float] = []

    async def passed(seconds: float) -> None:
        pauses.append(seconds)
        raise asyncio.CancelledError

    shown = ShownTurnout(place.service.turnout, place.service.reads, TurnoutMetrics(CollectorRegistry()), place.clock)
    patient = SimpleNamespace(create_task=asyncio.create_task, shield=asyncio.shield, sleep=passed)
    monkeypatch.setattr(turnout, "asyncio", patient)
    with pytest.raises(asyncio.CancelledError):
        await shown.run()
    assert pauses == [60]


async def test_the_turnout_is_looked_up_once_a_second_however_many_watch(place) -> None:
    looked_up: list[str] = []

    async def counted(connection, election_uuid: str):
        looked_up.append(election_uuid)
        return await turnout_of(connection, election_uuid)

    turnout_of, feed = store.turnout, Feed(counted, LIVE, place.service.reads, place.clock)
    began = place.clock()
    for _ in range(3):
        await asyncio.gather(*(feed.current(place.election.uuid) for _ in range(200)))
        await asyncio.gather(*(feed.current(place.election.uuid) for _ in range(200)))
        place.clock.moved += timedelta(seconds=1)
    assert len(looked_up) <= (place.clock() - began).total_seconds() + 1


async def test_who_watches_the_turnout_and_has_seen_it_asks_the_database_nothing(place, monkeypatch) -> None:
    feed = Feed(store.turnout, timedelta(hours=1), place.service.reads, place.clock)
    await feed.current(place.election.uuid)

    async def not_asked(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(store, "load_election", not_asked)
    await feed.current(place.election.uuid)


async def test_a_clock_that_was_put_back_does_not_keep_old_counts_of_the_turnout(place) -> None:
    before = await place.service.turnout.current(place.election.uuid)
    place.clock.moved -= timedelta(hours=1)
    assert (await place.service.turnout.current(place.election.uuid)).as_of < before.as_of


@pytest.mark.parametrize(
    "path", ["{base}/ballots", "{base}/status/{tracker}", "{base}/turnout", "{base}/turnout/by-hour", "/receipt-key"]
)
async def test_public_reads_are_kept_by_caches_and_short_to_who_has_them(place, path: str) -> None:
    receipt = await place.cast(0)
    await place.log(receipt)
    path = path.format(base=place.base, tracker=quote(receipt["tracker"], safe=""))
    given = await place.client.get(path)
    assert given.headers["cache-control"].startswith("public, max-age=")

    async def kept() -> bool:
        given = await place.client.get(path)
        again = await place.client.get(path, headers={"If-None-Match": given.headers["etag"]})
        return (again.status_code, again.content) == (304, b"")

    await eventually(kept)  # some tell the minute, which may begin between the two


async def test_unknown_things_are_not_found(place) -> None:
    response = await place.client.get(f"{place.base}/status/{'A' * 43}")
    assert (response.status_code, place.slug(response)) == (404, "unknown-tracker")
    for path in ("ballots", "turnout", "turnout/by-hour", "turnout/events"):
        response = await place.client.get(f"/elections/{'9' * 14}/{path}")
        assert (response.status_code, place.slug(response)) == (404, "unknown-election")


UNKNOWN_TRACKER = "A" * 43


async def test_who_asks_for_what_nobody_knows_makes_no_look_at_the_log(place, monkeypatch) -> None:
    """The reader looks now and then by itself; whoever asks a thousand times would have it look a thousand times."""
    looks, look = 0, LogReader.look

    async def counted(reader, places):
        nonlocal looks
        looks += 1
        return await look(reader, places)

    monkeypatch.setattr(LogReader, "look", counted)
    began = monotonic()
    for _ in range(15):
        response = await place.client.get(f"{place.base}/status/{UNKNOWN_TRACKER}")
        assert (response.status_code, place.slug(response)) == (404, "unknown-tracker")
    assert looks <= (monotonic() - began) / readback._UNASKED_S + 1


async def test_a_tracker_is_not_called_unknown_while_a_partition_can_not_be_looked_at(place, monkeypatch) -> None:
    """Another replica may have taken that ballot in, and its voter has the receipt."""
    leader, away = ClusterMetadata.leader_for_partition, {1}
    monkeypatch.setattr(
        ClusterMetadata,
        "leader_for_partition",
        lambda cluster, partition: 99 if partition.partition in away else leader(cluster, partition),
    )
    response = await place.client.get(f"{place.base}/status/{UNKNOWN_TRACKER}")
    assert (response.status_code, place.slug(response)) == (503, "standing-unknown")
    away.clear()

    async def is_unknown() -> bool:
        response = await place.client.get(f"{place.base}/status/{UNKNOWN_TRACKER}")
        return (response.status_code, place.slug(response)) == (404, "unknown-tracker")

    await eventually(is_unknown)


async def test_replay_gives_the_same_tables(place) -> None:
    receipts = [await place.cast(voter) for voter in (0, 1, 0)]
    await place.log(*receipts)
    async with await open_pool(place.settings.database_url, SERVICE) as pool:
        before = await dump(pool)
        assert all(before[table] for table in ("elections", "credentials", "ballots", "ciphertexts", "log_entries"))
        await replay(place.services.kafka, pool, BallotProjection(), lambda _done, _total: None)
        assert await dump(pool) == before


async def test_until_the_close_nobody_is_told_which_ballots_are_of_one_credential(place) -> None:
    first, last = await place.cast(0), await place.cast(0)
    await place.log(first, last)
    status = await place.status(first["tracker"])
    assert {"superseded_by", "position"}.isdisjoint(status)
    lines = (await place.client.get(f"{place.base}/ballots")).json()["items"]
    assert [line["superseded"] for line in lines] == [None, None]
    for tracker in (first["tracker"], "A" * 43):
        withheld = await place.client.get(f"{place.base}/ballots/{tracker}")
        assert (withheld.status_code, place.slug(withheld)) == (403, "withheld-until-the-close")


async def test_after_the_close_everybody_reads_ballots_and_which_took_whose_place(place) -> None:
    first, last = await place.cast(0), await place.cast(0)
    await place.log(first, last)
    await place.services.close_election(place.election.uuid)

    async def public() -> bool:
        return (await place.client.get(f"{place.base}/ballots/{first['tracker']}")).status_code == 200

    await eventually(public)
    status = await place.status(first["tracker"])
    assert (status["superseded_by"], status["position"]) == (last["tracker"], first["position"])
    lines = (await place.client.get(f"{place.base}/ballots")).json()["items"]
    assert [line["superseded"] for line in lines] == [True, False]
    unknown = await place.client.get(f"{place.base}/ballots/{'A' * 43}")
    assert (unknown.status_code, place.slug(unknown)) == (404, "unknown-tracker")


async def test_an_access_that_does_not_hold_is_refused_and_not_taken_for_the_publics(place) -> None:
    for token in ("Bearer another", "Basic x", ""):
        refused = await place.client.get(f"{place.base}/ballots", headers={"Authorization": token})
        assert (refused.status_code, place.slug(refused)) == (401, "unauthorized")
    refused = await place.client.get(f"{place.base}/ballots", auth=Staff().signing("ballot"))
    assert (refused.status_code, place.slug(refused)) == (403, "forbidden")


async def test_times_are_told_to_the_minute(place) -> None:
    receipt = await place.cast(0)
    times = [
        receipt["accepted_at"],
        (await place.status(receipt["tracker"]))["accepted_at"],
        (await place.client.get(f"{place.base}/turnout")).json()["as_of"],
    ]
    assert all(time.endswith(":00.000Z") for time in times)


async def dump(pool: asyncpg.Pool) -> dict[str, list[tuple[object, ...]]]:
    tables = (*BallotProjection.tables, "consumer_offsets")
    return {
        table: sorted(tuple(row.values()) for row in await pool.fetch(f"SELECT * FROM {table}")) for table in tables
    }


PATHS = ["/elections/{}/ballots", "/elections/{}/turnout", "/elections/{}/status/{}", "/elections/{}/ballots/{}"]


async def test_no_request_makes_the_service_fail(place) -> None:
    """Fuzzing: whatever comes, the answer is no 5xx and every refusal is a problem document."""
    examples = st.tuples(
        st.sampled_from(PATHS),
        st.just(place.election.uuid) | st.text(min_size=1, max_size=20),
        st.text(min_size=1, max_size=50) | st.just("A" * 43),
        st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
        st.binary(max_size=100) | st.just(place.new_cast(0).encode()),
        st.sampled_from(["", "?after=-1", "?limit=0", "?after=9999999999999999999999", "?limit=x", "?after=%00"]),
    )
    drawn: list[tuple[str, ...]] = []

    @settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None)
    @given(examples)
    def draw(example: tuple[str, ...]) -> None:
        drawn.append(example)

    draw()
    for path, uuid, tracker, method, body, query in drawn:
        url = path.format(quote(uuid, safe=""), quote(tracker, safe="")) + query
        response = await place.client.request(method, url, content=body)
        assert response.status_code < 500, (method, url, response.text)
        if response.status_code >= 400:
            place.slug(response)
