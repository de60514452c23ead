"""Releasing credentials by card, over real Kafka and PostgreSQL. The card is the emulator."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from evote_auth.projection import AuthProjection
from evote_auth.service import SERVICE
from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_eventlog.events import CredentialReleased, CredentialsPublished, VoterAuthenticated
from evote_eventlog.replay import replay
from evote_jpki.authority import Person, TestAuthority
from evote_platform.database import open_pool
from nacl.public import SealedBox

pytestmark = pytest.mark.stack

HANAKO = Person("斎藤 花子", "茨城県つくば市研究学園1丁目1番地1", "1990-04-01", "2")
ICHIRO = Person("山本 一郎", "茨城県つくば市吾妻2丁目3番地", "1961-12-31", "1")
STRANGER = Person("田中 蓮", "東京都千代田区1番", "1980-01-01", "1")


def slug(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.json()["type"].rsplit(":", 1)[-1]


async def body_for(town, card) -> dict[str, str]:
    """What the card agent sends for a new challenge."""
    return town.sign(card, await town.challenge())


@pytest.fixture
async def open_town(town):
    await town.prepare(HANAKO, ICHIRO)
    return town


@pytest.mark.parametrize("group", ["Ed25519", "BELENIOS-2048"])
async def test_a_released_credential_is_on_the_published_list(town, group: str) -> None:
    await town.prepare(HANAKO, ICHIRO, group=group)
    public = public_credential(await town.released(town.card(HANAKO)), town.uuid, group_by_name(group))
    published = [c for event in await town.events(CredentialsPublished) for c in event.credentials]
    assert public in published
    assert len(published) == 2 and published == sorted(published)


async def test_every_release_leaves_evidence_that_only_the_auditor_can_open(open_town) -> None:
    card = open_town.card(HANAKO)
    first, second = await open_town.released(card), await open_town.released(card)
    assert first == second, "the same voter gets the same credential"
    released = await open_town.events(CredentialReleased)
    authenticated = await open_town.events(VoterAuthenticated)
    assert len(released) == len(authenticated) == 2
    assert {event.voter_ref for event in released} == {event.voter_ref for event in authenticated}
    connection = await asyncpg.connect(open_town.settings.database_url.get_secret_value())
    rows = await connection.fetch("SELECT sealed, evidence_sha256 FROM auth.vault_evidence")
    await connection.close()
    assert {row["evidence_sha256"] for row in rows} == {event.evidence_sha256 for event in released}
    for row in rows:
        assert hashlib.sha256(row["sealed"]).hexdigest() == row["evidence_sha256"]
        assert b"release_statement" not in row["sealed"]
        opened = json.loads(SealedBox(open_town.auditor).decrypt(row["sealed"]))
        assert opened["voter_ref"] == released[0].voter_ref and open_town.uuid in opened["release_statement"]


async def test_a_release_is_counted_by_way_and_no_scrape_tells_of_a_single_one(open_town) -> None:
    async def scraped() -> list[str]:
        return (await open_town.client.get("/metrics", auth=open_town.signed)).text.splitlines()

    before = await scraped()
    await open_town.released(open_town.card(HANAKO))
    (releases,) = open_town.app.state.service.releasing.metrics._releases.collect()
    counts = {sample.labels["way"]: sample.value for sample in releases.samples if sample.name.endswith("_total")}
    assert counts == {"card": 1, "face": 0, "phone": 0}
    after = await scraped()
    assert 'evote_auth_releases_total{way="card"} 0.0' in after
    told = [line for line in after if line.startswith(("evote_", "http_")) and line not in before]
    # Gauges of the moment, and waits for the database, of which this replica makes a hundred by itself. One of the
    # gauges is cut to ten minutes.
    of_the_moment = ("evote_clock_", "evote_event_loop_", "evote_db_", "evote_projection_")
    assert [line for line in told if not line.startswith(of_the_moment)] == []
    (applied,) = (line for line in after if line.startswith("evote_projection_last_apply_timestamp_seconds{"))
    assert float(applied.split()[-1]) % 600 == 0


async def test_nothing_personal_and_no_private_credential_is_in_an_event(open_town) -> None:
    credential = await open_town.released(open_town.card(HANAKO))
    for kind in (VoterAuthenticated, CredentialReleased, CredentialsPublished):
        for event in await open_town.events(kind):
            text = event.model_dump_json()
            assert credential not in text and "花子" not in text and "研究学園" not in text


async def test_a_challenge_is_good_for_one_attempt_even_on_two_replicas(open_town, replica: httpx.AsyncClient) -> None:
    body = await body_for(open_town, open_town.card(HANAKO))
    url = f"{open_town.base}/releases"
    bodies = [body, open_town.changed(body, statement_signature=body["challenge_signature"])]
    answers = await asyncio.gather(open_town.client.post(url, json=bodies[0]), replica.post(url, json=bodies[1]))
    assert sorted(slug(answer) for answer in answers if answer.status_code != 200) in (
        ["challenge-replayed"],
        ["bad-statement-signature", "challenge-replayed"],
    )


async def test_an_old_challenge_is_refused(open_town) -> None:
    body = await body_for(open_town, open_town.card(HANAKO))
    open_town.clock.moved = timedelta(minutes=6)
    assert slug(await open_town.send(body)) == "challenge-expired"


async def test_a_challenge_of_another_election_is_refused(open_town) -> None:
    body = await body_for(open_town, open_town.card(HANAKO))
    await open_town.prepare(HANAKO)
    assert slug(await open_town.send(body)) == "wrong-election"


async def test_an_unknown_challenge_is_refused(open_town) -> None:
    body = open_town.changed(await body_for(open_town, open_town.card(HANAKO)), challenge_id="0" * 32)
    response = await open_town.send(body)
    assert (response.status_code, slug(response)) == (404, "challenge-unknown")


@pytest.mark.parametrize(
    ("field", "expected"),
    [("challenge_signature", "bad-challenge-signature"), ("statement_signature", "bad-statement-signature")],
)
async def test_each_wrong_signature_is_its_own_error(open_town, field: str, expected: str) -> None:
    card = open_town.card(HANAKO)
    other = await body_for(open_town, card)
    body = open_town.changed(await body_for(open_town, card), **{field: other[field]})
    assert slug(await open_town.send(body)) == expected


async def test_somebody_who_is_not_on_the_roll_is_refused(open_town) -> None:
    response = await open_town.release(open_town.card(STRANGER))
    assert (response.status_code, slug(response)) == (403, "not-on-roll")


async def test_another_authority_with_the_same_name_is_not_trusted(open_town) -> None:
    foreign = TestAuthority(lambda: datetime.now(UTC), secrets.token_bytes)
    assert slug(await open_town.release(open_town.card(HANAKO, foreign))) == "untrusted-certificate"


async def test_expired_and_future_certificates_are_told_apart(open_town) -> None:
    now = datetime.now(UTC)
    old = open_town.card(HANAKO, valid_from=now - timedelta(days=20), lifetime=timedelta(days=10))
    early = open_town.card(HANAKO, valid_from=now + timedelta(days=1))
    assert slug(await open_town.release(old)) == "certificate-expired"
    assert slug(await open_town.release(early)) == "certificate-not-yet-valid"


async def test_a_revoked_certificate_is_refused(town) -> None:
    await town.prepare(HANAKO)
    card = town.card(HANAKO)
    body = await body_for(town, card)
    town.authority.revoke(base64.b64decode(body["user_certificate"]))
    town.settings.crl_file.write_bytes(town.authority.crl_pem())
    town.trust().refresh()
    assert slug(await town.send(body)) == "certificate-revoked"


async def test_certificates_in_each_others_place_are_refused(open_town) -> None:
    body = await body_for(open_town, open_town.card(HANAKO))
    swapped = open_town.changed(
        body,
        user_certificate=body["signature_certificate"],
        signature_certificate=body["user_certificate"],
    )
    response = await open_town.send(swapped)
    assert response.status_code in (403, 422), response.text


async def test_the_signature_certificate_of_one_and_the_user_certificate_of_another_do_not_fit(open_town) -> None:
    hanako, ichiro = open_town.card(HANAKO), open_town.card(ICHIRO)
    assert (await open_town.release(hanako)).status_code == 200
    challenge = await open_town.challenge()
    of_hanako, of_ichiro = open_town.sign(hanako, challenge), open_town.sign(ichiro, challenge)
    stolen = open_town.changed(
        of_hanako,
        user_certificate=of_ichiro["user_certificate"],
        challenge_signature=of_ichiro["challenge_signature"],
    )
    assert slug(await open_town.send(stolen)) == "card-mismatch"


@pytest.mark.parametrize("junk", ["AAAA", "MIIB", "////"])
async def test_garbage_instead_of_a_certificate_is_refused(open_town, junk: str) -> None:
    body = open_town.changed(await body_for(open_town, open_town.card(HANAKO)), user_certificate=junk)
    response = await open_town.send(body)
    assert (response.status_code, slug(response)) == (422, "malformed-certificate")


async def test_nothing_is_released_before_the_freeze_or_after_the_close(town) -> None:
    town.uuid = await town.draft()
    response = await town.ask_challenge()
    assert (response.status_code, slug(response)) == (409, "roll-not-frozen")
    await town.prepare(HANAKO)
    await town.close()
    assert slug(await town.ask_challenge()) == "election-closed"


async def test_a_roll_of_another_size_than_the_officers_signed_for_is_not_frozen(town) -> None:
    """One officer looks, another imports, the first freezes: what is frozen is what was looked at, or nothing."""
    town.uuid = await town.draft("Ed25519")
    assert (await town.import_roll(town.roll_csv(HANAKO, STRANGER))).status_code == 200
    refused = await town.freeze(1)
    assert (refused.status_code, slug(refused)) == (409, "roll-size-differs")
    assert (refused.json()["roll_size"], refused.json()["expected_size"]) == (2, 1)
    assert (await town.import_roll(town.roll_csv(HANAKO))).status_code == 200
    frozen = await town.freeze(1)
    assert (frozen.status_code, frozen.json()["roll_size"]) == (200, 1)
    assert slug(await town.freeze(2)) == "roll-size-differs"


async def test_a_frozen_roll_stays_as_it_is(open_town) -> None:
    response = await open_town.import_roll(open_town.roll_csv(STRANGER))
    assert (response.status_code, slug(response)) == (409, "roll-frozen")
    first, again = await open_town.freeze(), await open_town.freeze()
    assert first.json() == again.json()


async def test_replay_gives_the_same_tables(open_town) -> None:
    await open_town.release(open_town.card(HANAKO))
    await open_town.until_releases(1)
    async with await open_pool(open_town.settings.database_url, SERVICE) as pool:
        before = await dump(pool)
        assert any(before.values())
        await replay(open_town.kafka, pool, AuthProjection(), lambda _done, _total: None)
        assert await dump(pool) == before


async def dump(pool: asyncpg.Pool) -> dict[str, list[tuple[object, ...]]]:
    tables = (*AuthProjection.tables, "consumer_offsets")
    return {
        table: sorted(tuple(row.values()) for row in await pool.fetch(f"SELECT * FROM {table}")) for table in tables
    }


async def test_officers_only_touch_the_roll(open_town) -> None:
    for method, path in (("POST", "roll"), ("POST", "roll/freeze"), ("GET", "roll")):
        response = await open_town.client.request(method, f"{open_town.base}/{path}")
        assert (response.status_code, slug(response)) == (401, "unauthorized")


async def test_an_id_that_a_client_brings_to_ballot_too_is_neither_returned_nor_logged(open_town, capsys) -> None:
    """A page that sends one id to both services would join a person to a ballot in their logs."""
    body = await body_for(open_town, open_town.card(HANAKO))
    capsys.readouterr()
    sent = {"X-Request-Id": "1d" * 8, "traceparent": f"00-{'1d' * 16}-{'1d' * 8}-01"}
    response = await open_town.client.post(f"{open_town.base}/releases", json=body, headers=sent)
    assert response.status_code == 200
    written = "".join(capsys.readouterr())
    assert response.headers["x-request-id"] in written
    assert "1d1d1d1d" not in written + response.text + str(response.headers)
