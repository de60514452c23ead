"""What ends is shown before it does: certificates as the replica holds them, and entries of the roster."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from evote_local.nodes.ports import free_port
from evote_platform.certificates import NamedCertificates, in_file
from evote_platform.endings import Endings
from evote_platform.roster import RosterFile
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from .conftest import SCRAPER, roster_text
from .example_service import ExampleSettings
from .test_server import Running

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CERTIFICATES = "evote_certificate_end_timestamp_seconds"
ENTRIES = "evote_roster_end_timestamp_seconds"


def certificate(ends: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(ends - 90 * DAY)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def shown(metrics: str, name: str, label: str) -> dict[str, datetime]:
    """The ends that a page of metrics has, by what a label says."""
    samples = [sample for family in text_string_to_metric_families(metrics) for sample in family.samples]
    return {
        sample.labels[label]: datetime.fromtimestamp(sample.value, UTC) for sample in samples if sample.name == name
    }


def gathered(endings: Endings, name: str = CERTIFICATES) -> dict[str, datetime]:
    """As :func:`shown`, of one collector by itself."""
    registry = CollectorRegistry()
    registry.register(endings)
    samples = [sample for family in registry.collect() for sample in family.samples if sample.name == name]
    return {next(iter(sample.labels.values())): datetime.fromtimestamp(sample.value, UTC) for sample in samples}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "some.pem"
    file.write_bytes(certificate(NOW + 9 * DAY) + certificate(NOW + 5 * DAY) + certificate(NOW + 7 * DAY))
    return file


def of(roster: Path, *, once: Path | None = None, again: Path | None = None) -> Endings:
    named = NamedCertificates(
        {} if once is None else {"once": in_file(once)}, {} if again is None else {"again": in_file(again)}
    )
    return Endings(named, RosterFile(roster), lambda: NOW)


def test_of_several_certificates_the_one_that_ends_first_is_shown(file: Path, roster: Path) -> None:
    assert gathered(of(roster, once=file, again=file)) == {"once": NOW + 5 * DAY, "again": NOW + 5 * DAY}


def test_a_file_that_is_read_at_the_start_alone_is_shown_as_it_was_then(file: Path, roster: Path) -> None:
    endings = of(roster, once=file, again=file)
    file.write_bytes(certificate(NOW + 6 * DAY))
    assert gathered(endings) == {"once": NOW + 6 * DAY, "again": NOW + 6 * DAY}, "the start goes on"
    endings.hold()
    file.write_bytes(certificate(NOW + 95 * DAY))
    assert gathered(endings) == {"once": NOW + 6 * DAY, "again": NOW + 95 * DAY}, "renewed, and not restarted"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("half of a certif")])
def test_what_cannot_be_read_any_more_is_left_out_and_what_was_read_is_still_held(
    file: Path, roster: Path, spoil: Callable[[Path], object]
) -> None:
    endings = of(roster, once=file, again=file)
    endings.hold()
    spoil(file)
    assert gathered(endings) == {"once": NOW + 5 * DAY}


def test_of_the_roster_only_entries_that_hold_now_are_shown(roster: Path) -> None:
    text = json.loads(roster_text("sato", "suzuki", "kato"))
    for person, (begins, ends) in zip(text["persons"], ((-9, 20), (-9, -1), (1, 3)), strict=True):
        person |= {"valid_from": (NOW + begins * DAY).isoformat(), "valid_until": (NOW + ends * DAY).isoformat()}
    roster.write_text(json.dumps(text))
    endings = of(roster)
    assert gathered(endings, ENTRIES) == {"person": NOW + 20 * DAY}
    text["scrapers"][0]["valid_until"] = (NOW + 2 * DAY).isoformat()
    roster.write_text(json.dumps(text))
    assert gathered(endings, ENTRIES) == {"person": NOW + 20 * DAY, "scraper": NOW + 2 * DAY}, "read when it changes"


def test_a_roster_without_ends_shows_none(roster: Path) -> None:
    assert gathered(of(roster), ENTRIES) == {}


def test_each_certificate_that_the_settings_of_every_service_name_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {}
    for day, what in enumerate(("kafka-ca", "kafka-client", "database-ca", "database-client", "traces-ca"), 1):
        (tmp_path / what).write_bytes(certificate(NOW + day * DAY))
        ends[what] = NOW + day * DAY
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", str(tmp_path / "traces-ca"))
    query = f"sslmode=verify-full&sslrootcert={tmp_path}/database-ca&sslcert={tmp_path}/database-client"
    named = {"kafka_bootstrap": "nowhere:1", "roster_file": "nowhere", "port": 0}
    own = {"kafka_ca_file": tmp_path / "kafka-ca", "kafka_certificate_file": tmp_path / "kafka-client"}
    traced = {"traces_endpoint": "https://collector:4318/v1/traces"}
    settings = ExampleSettings(**named, **own, **traced, database_url=f"postgresql://nowhere/x?{query}")
    certificates = settings.certificates()
    found = {**certificates.read_once, **certificates.read_again}
    assert {what: read()[0].not_valid_after_utc for what, read in found.items()} == ends
    assert set(certificates.read_once) == {"kafka-ca", "kafka-client"}
    none = ExampleSettings(**named, database_url="postgresql://nowhere/x").certificates()
    assert (none.read_once, none.read_again) == ({}, {})


def test_a_replica_shows_what_it_holds_and_a_renewed_file_only_after_a_restart(tmp_path: Path, roster: Path) -> None:
    kafka, database = tmp_path / "kafka.pem", tmp_path / "database.pem"
    for path in (kafka, database):
        path.write_bytes(certificate(NOW + 2 * DAY))
    database_url = f"postgresql://nowhere/x?sslrootcert={database}"
    settings = {"kafka_ca_file": str(kafka), "database_url": database_url, "roster_file": str(roster)}
    for at_start, after in ((2, 92), (92, 92)):
        replica = Running(free_port(), tmp_path / "log", **settings)
        try:
            for path in (kafka, database):
                path.write_bytes(certificate(NOW + 92 * DAY))
            page = replica.get("/metrics", headers=SCRAPER)
            ends = shown(page.text, CERTIFICATES, "what")
        finally:
            replica.process.kill()
            replica.process.wait()
        assert ends == {"kafka-ca": NOW + at_start * DAY, "database-ca": NOW + after * DAY}
