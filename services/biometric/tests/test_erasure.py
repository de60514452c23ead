"""What becomes of templates: reissued, erased, and never seen anywhere else."""

from __future__ import annotations

import base64
import logging
import re
import struct
from collections.abc import Iterator

import asyncpg
import pytest
import structlog
from evote_biometric.keys import SealedTemplate
from evote_biometric.projection import BiometricProjection
from evote_biometric.service import SERVICE
from evote_eventlog.events import ElectionAbandoned, ElectionOpened, TemplateErased, TemplateReissued
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.replay import replay
from evote_local.faults import Fault, breaking, every_fault
from evote_local.testbed import eventually
from evote_platform.logging import configure_logging

from .conftest import open_booth

pytestmark = pytest.mark.stack

ANOTHER = "2" * 14
VAULT = (
    "vault_election_keys",
    "vault_templates",
    "vault_orders",
    "vault_verifications",
    "vault_attempts",
    "vault_frames",
)


async def rows(pool: asyncpg.Pool, table: str) -> list[tuple]:
    return sorted(tuple(row) for row in await pool.fetch(f"SELECT * FROM {table}"))


@pytest.mark.parametrize("end", ["certify", "abandon"])
async def test_the_end_of_an_election_erases_everything_and_the_log_proves_it(booth, end: str) -> None:
    await booth.enrol()
    assert (await booth.verify()).status_code == 200
    pool = booth.app.state.service.pool
    assert len(await rows(pool, "vault_templates")) == 1
    await getattr(booth, end)()

    async def erased() -> bool:
        return (await booth.counts())["erased"] == 1

    await eventually(erased)
    for table in VAULT:
        assert await rows(pool, table) == [], table
    (event,) = await booth.events(TemplateErased)
    assert event.templates == 1
    for response in (await booth.enrol(), await booth.begin()):
        assert response.status_code == 410
        assert response.json()["type"].endswith(":templates-erased")
    assert await rows(pool, "vault_templates") == []


async def test_an_abandonment_behind_the_opening_erases_nothing(booth) -> None:
    """It doesn't stand: a writer that lost its lock must not take the voters' faces from a running election."""
    await booth.enrol()
    pool = booth.app.state.service.pool
    opening = ElectionOpened(
        election_uuid=booth.uuid,
        election_json="{}",
        trustees_json="[]",
        credentials_sha256="0" * 64,
        opens_at="2026-01-01T00:00:00.000Z",
        closes_at="2126-01-01T00:00:00.000Z",
    )
    for event in (opening, ElectionAbandoned(election_uuid=booth.uuid), ElectionAbandoned(election_uuid=ANOTHER)):
        await booth.tally.publish(event)

    async def erased_the_other() -> bool:
        return [event.election_uuid for event in await booth.events(TemplateErased)] == [ANOTHER]

    await eventually(erased_the_other)
    assert (await booth.verify()).status_code == 200
    assert len(await rows(pool, "vault_templates")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
async def test_an_erasure_whose_every_write_broke_once_is_proved_by_one_count(
    kafka: KafkaSettings, biometric_settings, clock, auth_key, verdict_key, fault: Fault
) -> None:
    writes = [broken for broken in every_fault("biometric erases") if broken.fault is fault]
    with breaking(*writes) as seen:
        async with open_booth(kafka, biometric_settings, clock, auth_key, verdict_key) as booth:
            await booth.enrol()
            await booth.certify()

            async def erased() -> bool:
                return (await booth.counts())["erased"] == 1 and seen.reached == writes

            await eventually(erased)
            assert await rows(booth.app.state.service.pool, "vault_templates") == []
            assert {event.templates for event in await booth.events(TemplateErased)} == {1}


async def test_a_reissued_template_fits_the_same_face_and_the_old_one_does_not(booth) -> None:
    await booth.enrol()
    pool = booth.app.state.service.pool
    before = await pool.fetchrow("SELECT * FROM vault_templates")
    url = f"/elections/{booth.uuid}/templates/{booth.voter_ref}/reissue"
    assert (await booth.client.post(url)).status_code == 401
    response = await booth.client.post(url, auth=booth.signed)
    assert response.json() == {"version": 2}
    assert len(await booth.events(TemplateReissued)) == 1
    assert (await booth.verify(person=1)).status_code == 200
    assert (await booth.verify(person=2)).status_code == 403
    # Who took the old turned template and can write rows: its transform is gone with its version.
    service = booth.app.state.service
    wrapped = await pool.fetchval("SELECT wrapped_key FROM vault_election_keys")
    key = service.master_key.unwrap(wrapped)
    stolen = key.open(
        SealedTemplate(before["version"], before["nonce"], before["ciphertext"]), booth.uuid, booth.voter_ref
    )
    planted = key.seal(stolen, booth.uuid, booth.voter_ref, 2, b"\x05" * 12)
    await pool.execute("UPDATE vault_templates SET nonce = $1, ciphertext = $2", planted.nonce, planted.ciphertext)
    assert (await booth.verify(person=1)).json()["reason"] == "not-the-enrolled-face"
    missing = f"/elections/{booth.uuid}/templates/{'0' * 32}/reissue"
    assert (await booth.client.post(missing, auth=booth.signed)).status_code == 404


async def test_a_replay_makes_the_same_tables(booth) -> None:
    await booth.enrol()
    await booth.verify()
    await booth.verify(person=2)
    await booth.certify()

    async def erased() -> bool:
        return (await booth.counts())["erased"] == 1

    await eventually(erased)
    assert await booth.counts() == {
        "enrolled": 1,
        "verified": 1,
        "rejected": {"not-the-enrolled-face": 1},
        "erased": 1,
    }
    pool = booth.app.state.service.pool
    before = {table: await rows(pool, table) for table in BiometricProjection.tables}
    await replay(booth.kafka, pool, BiometricProjection(), lambda *_: None)
    assert {table: await rows(pool, table) for table in BiometricProjection.tables} == before


@pytest.fixture
def logging_everything(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """As the service logs, into ``capfd`` and for one test alone: a process's logging outlives a test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging(SERVICE, "debug")
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_nothing_of_a_face_reaches_a_log_a_metric_an_event_or_the_database(
    booth, reading, spell, logging_everything, capfd
) -> None:
    photo = spell(reading)
    await booth.enrol(photo)
    await booth.verify()
    await booth.verify(person=2)
    await booth.enrol(b"bug")
    printed = capfd.readouterr()
    metrics = (await booth.client.get("/metrics", auth=booth.signed)).text
    assert "evote_face_outcomes_total" in metrics
    events = b"".join(record.value for record in await booth.records())
    assert b"FaceVerified" in events and b"FaceRejected" in events
    pool = booth.app.state.service.pool
    tables = [
        row["tablename"] for row in await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", SERVICE)
    ]
    stored = "".join([repr(await rows(pool, table)) for table in tables])
    assert "vault_templates" in tables
    # Times have now and then the six figures of a number of the template.
    counted = "\n".join(line for line in metrics.splitlines() if "_seconds_sum" not in line)
    assert counted.count("\n") > metrics.count("\n") / 2
    said = re.sub(r"\d\d:\d\d\.\d{6}", "", printed.out + printed.err + counted + events.decode() + stored)
    assert any(secret in repr(reading.template) for secret in traces_of(reading.template, photo))  # the search finds
    sketch = struct.pack(f"<{len(reading.sketch)}H", *reading.sketch)[:48]
    for secret in (*traces_of(reading.template, photo), repr(sketch)[2:60], sketch.hex(), repr(reading.sketch)[1:60]):
        assert secret not in said
    assert booth.voter_ref not in printed.out + printed.err + metrics


def traces_of(template: tuple[float, ...], photo: bytes) -> list[str]:
    raw = struct.pack("<128d", *template)
    return [
        *(repr(value) for value in template),
        *(f"{value:.6f}" for value in template),
        repr(raw)[2:60],
        raw[:48].hex(),
        base64.b64encode(raw[:48]).decode(),
        photo[:80].decode(),
        base64.b64encode(photo[:60]).decode(),
        photo[:40].hex(),
    ]
