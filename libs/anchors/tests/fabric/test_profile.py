"""The connection profile: what is wrong in it is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from evote_anchors.fabric.errors import ProfileInvalid
from evote_anchors.fabric.identity import TokenKey
from evote_anchors.fabric.profile import load_certificates, load_profile
from evote_local.nodes.softhsm import SoftToken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .authorities import TestOrganisation

Document = dict[str, object]


@pytest.fixture
def document(tmp_path: Path, city: TestOrganisation, audit: TestOrganisation) -> Document:
    for organisation in (city, audit):
        (tmp_path / f"{organisation.msp_id}.pem").write_bytes(organisation.authority_pem)
    (tmp_path / "client.pem").write_bytes(city.client.certificate_pem)
    (tmp_path / "key.pem").write_bytes(city.client.key_pem)
    (tmp_path / "empty.pem").touch()
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "other.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {
        "channel": "anchors",
        "chaincode": "anchor",
        "peers": [
            {"address": "127.0.0.1:7051", "tls_ca_file": "CityMSP.pem"},
            {"address": "10.0.0.2:7051", "tls_ca_file": "CityMSP.pem", "tls_server_name": "peer1.city.example"},
        ],
        "organisations": [
            {"msp_id": "CityMSP", "ca_file": "CityMSP.pem"},
            {"msp_id": "AuditMSP", "ca_file": "AuditMSP.pem"},
        ],
        "anchorer": "CityMSP",
        "identity": {"msp_id": "CityMSP", "certificate_file": "client.pem", "key_file": "key.pem"},
    }


@pytest.fixture
def load(tmp_path: Path) -> Callable[[object], object]:
    def load(document: object) -> object:
        path = tmp_path / "connection.json"
        path.write_text(json.dumps(document))
        return load_profile(path)

    return load


def test_files_are_found_beside_the_profile(
    tmp_path: Path, document: Document, load: Callable[[object], object], city: TestOrganisation
) -> None:
    load(document)
    profile = load_profile(tmp_path / "connection.json")

    assert profile.channel == "anchors"
    assert [peer.tls_server_name for peer in profile.peers] == [None, "peer1.city.example"]
    assert [each.msp_id for each in profile.organisations] == ["CityMSP", "AuditMSP"]
    assert profile.organisations[0].authorities == (city.authority,)
    assert profile.identity.creator == city.client.identity.creator


def test_every_certificate_that_a_profile_names_is_found_without_its_key(
    tmp_path: Path, document: Document, city: TestOrganisation, audit: TestOrganisation
) -> None:
    path = tmp_path / "connection.json"
    path.write_text(json.dumps(document))
    (tmp_path / "key.pem").unlink()
    of_organisations = (city.authority, audit.authority)
    assert load_certificates(path) == (city.client.certificate, *of_organisations, city.authority, city.authority)
    (tmp_path / "client.pem").write_text("none")
    with pytest.raises(ProfileInvalid, match=r"identity\.certificate_file"):
        load_certificates(path)


def test_a_key_may_be_in_a_token(
    tmp_path: Path, document: Document, load: Callable[[object], object], soft_token: SoftToken
) -> None:
    soft_token.import_key(tmp_path / "key.pem", "profile-test")
    token = {
        "module": str(soft_token.module),
        "token_label": soft_token.label,
        "key_label": "profile-test",
        "pin_file": str(soft_token.pin_file),
    }
    load({**document, "identity": {"msp_id": "CityMSP", "certificate_file": "client.pem", "token": token}})

    signer = load_profile(tmp_path / "connection.json").identity.signer

    assert isinstance(signer, TokenKey)
    signer.close()


_IDENTITY = {"msp_id": "CityMSP", "certificate_file": "client.pem", "key_file": "key.pem"}


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"channel": ""}, "channel", "must be text"),
        ({"channel": 1}, "channel", "must be text"),
        ({"chanel": "anchors"}, "chanel", "is not a field"),
        ({"anchorer": "OtherMSP"}, "anchorer", "is none of the organisations"),
        ({"peers": []}, "peers", "at least one"),
        ({"peers": {}}, "peers", "at least one"),
        ({"peers": ["127.0.0.1:7051"]}, "peers[0]", "must be an object"),
        ({"peers": [{"address": "127.0.0.1:7051"}]}, "peers[0].tls_ca_file", "is missing"),
        ({"peers": [{"address": "a:1", "tls_ca_file": "none.pem"}]}, "peers[0].tls_ca_file", "No such file"),
        ({"organisations": [{"msp_id": "CityMSP", "ca_file": "empty.pem"}]}, "organisations[0].ca_file", "holds no"),
        ({"identity": {**_IDENTITY, "key_file": "none.pem"}}, "identity.key_file", "No such file"),
        ({"identity": {**_IDENTITY, "key_file": "other.pem"}}, "identity.key_file", "another key"),
        ({"identity": {**_IDENTITY, "key_file": "client.pem"}}, "identity.key_file", ""),
        ({"identity": {**_IDENTITY, "token": {}}}, "identity.token", "not in both"),
        ({"identity": {"msp_id": "CityMSP", "certificate_file": "client.pem"}}, "identity.key_file", "is missing"),
    ],
)
def test_what_is_wrong_is_named(
    document: Document, load: Callable[[object], object], change: Document, field: str, reason: str
) -> None:
    with pytest.raises(ProfileInvalid) as invalid:
        load({**document, **change})

    assert invalid.value.field == field
    assert reason in invalid.value.reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["channel", "peers", "identity", "organisations", "address"]), inner)
        ),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_json_is_given_is_refused_as_a_profile(load: Callable[[object], object], document: object) -> None:
    with pytest.raises(ProfileInvalid):
        load(document)
