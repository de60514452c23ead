"""No file that a service is given ends unseen: what holds certificates is watched, and the others are named here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from evote_chart.settings import SETTINGS
from evote_platform.settings import ServiceSettings
from pydantic import SecretStr

_ENDLESS = {
    "biometric": {"auth_public_key_file", "verdict_key_file", "master_key_file", "weights_dir"},
    "ballot": {"receipt_key_file"},
    "ledger-anchor": {"log_key_file", "witness_policy_file", "monitor_state_file"},
    "auth": {
        *("credential_token_module", "credential_token_pin_file", "master_key_file"),
        *("face_order_key_file", "biometric_public_key_file", "voting_code_key_file"),
        *("phone_client_key_file", "phone_decryption_key_file"),
        "crl_file",  # it ends: evote_auth_revocation_lists_end_timestamp_seconds
    },
}
"""The files of a service that hold no certificate; of every service, the roster (whose entries end) and Kafka's key."""


def _certificate(ends: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=90))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("service", SETTINGS)
def test_every_file_that_a_service_is_given_is_watched_or_holds_no_certificate(service: str, tmp_path: Path) -> None:
    settings, now = SETTINGS[service][0], datetime.now(UTC).replace(microsecond=0)
    assert issubclass(settings, ServiceSettings)
    annotations = {name: field.annotation for name, field in settings.model_fields.items()}
    files = {name for name, kind in annotations.items() if Path in (kind, *get_args(kind))}
    ends = {}
    for day, name in enumerate(sorted(files)):
        ends[name] = now + timedelta(days=day)
        (tmp_path / name).write_bytes(_certificate(ends[name]))
    given: dict[str, Any] = {name: tmp_path / name for name in files}
    if service == "tally":
        given |= {"host_certificates": {"vote": given["host_certificates"]}}
    made = settings.model_construct(**given, database_url=SecretStr("postgresql://nowhere/x"))
    certificates = made.certificates()
    watched = {read()[0].not_valid_after_utc for read in {**certificates.read_once, **certificates.read_again}.values()}
    unwatched = {name for name in files if ends[name] not in watched}
    assert unwatched == {"roster_file", "kafka_key_file", *_ENDLESS.get(service, ())}


def test_all_of_fabrics_certificates_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for day, name in enumerate(("peer", "authority", "client"), 1):
        (tmp_path / f"{name}.pem").write_bytes(_certificate(now + timedelta(days=day)))
    profile = {
        "channel": "anchors",
        "chaincode": "anchor",
        "peers": [{"address": "127.0.0.1:7051", "tls_ca_file": "peer.pem"}],
        "organisations": [{"msp_id": "CityMSP", "ca_file": "authority.pem"}],
        "anchorer": "CityMSP",
        "identity": {"msp_id": "CityMSP", "certificate_file": "client.pem", "key_file": "away.pem"},
    }
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    monkeypatch.setenv("EVOTE_FABRIC_PROFILE_FILE", str(tmp_path / "profile.json"))
    settings = SETTINGS["ledger-anchor"][0].model_construct(database_url=SecretStr("postgresql://nowhere/x"))
    assert isinstance(settings, ServiceSettings)
    read = settings.certificates().read_once["fabric"]
    assert {(each.not_valid_after_utc - now).days for each in read()} == {1, 2, 3}
    (tmp_path / "profile.json").write_text("{")
    with pytest.raises(ValueError, match=r"profile\.json"):
        read()
