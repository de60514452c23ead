"""A device's keys, requests and sealed answers: the vectors that the browser reads too, and what no vector can show."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.hpke import rust_openssl as _rust
from evote_device.keys import DeviceKeyRefused, DeviceKeys, new_device_keys, parse_device_key
from evote_device.requests import (
    DeviceRequest,
    DeviceRequestRefused,
    EnrolmentRequested,
    Occasion,
    ReleaseRequested,
    sign_request,
    verify_request,
)
from evote_device.sealing import Contents, SealBroken, seal, seal_typed_code, unseal, unseal_typed_code
from hypothesis import given
from hypothesis import strategies as st

VECTORS = json.loads((Path(__file__).parents[3] / "tests" / "vectors" / "device" / "occasion.json").read_text())
UUID, NUMBER = VECTORS["election_uuid"], VECTORS["occasion_id"]
KEYS = DeviceKeys(
    Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["signing_seed"])),
    X25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["sealing_secret"])),
)
OCCASION = Occasion(UUID, NUMBER, KEYS.public)
KINDS: dict[str, type[DeviceRequest]] = {kind.kind: kind for kind in (ReleaseRequested, EnrolmentRequested)}


def by_reason(case: dict[str, Any]) -> str:
    return str(case["why"])


def test_a_key_has_the_line_of_the_vectors_and_is_read_back() -> None:
    assert KEYS.public.text == VECTORS["device_key"]
    assert parse_device_key(VECTORS["device_key"]).text == VECTORS["device_key"]


@pytest.mark.parametrize("case", VECTORS["refused_keys"], ids=by_reason)
def test_a_key_that_protects_nothing_or_has_two_lines_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(DeviceKeyRefused):
        parse_device_key(case["device_key"])


@given(st.text(max_size=110) | st.binary(min_size=64, max_size=64).map(
    lambda raw: "ed25519-x25519:" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
))  # fmt: skip
def test_whatever_is_read_as_a_key_is_its_only_line(text: str) -> None:
    with contextlib.suppress(DeviceKeyRefused):
        assert parse_device_key(text).text == text


def test_keys_are_fresh_and_do_not_print() -> None:
    one, other = (new_device_keys(secrets.token_bytes) for _ in range(2))
    assert one.public.text != other.public.text
    assert "signing=" not in repr(one) and "sealing=" not in repr(one)


@pytest.mark.parametrize("case", VECTORS["requests"], ids=lambda case: case["kind"])
def test_a_request_is_signed_as_in_the_vectors(case: dict[str, Any]) -> None:
    kind = KINDS[case["kind"]]
    assert sign_request(kind, KEYS, UUID, NUMBER, case["proof"]) == case["device_request"]
    verify_request(kind, case["device_request"], OCCASION, case["proof"])


@pytest.mark.parametrize("case", VECTORS["refused_requests"], ids=by_reason)
def test_a_request_of_another_device_occasion_kind_or_proof_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(DeviceRequestRefused):
        verify_request(ReleaseRequested, case["device_request"], OCCASION, case["proof"])


@given(st.data())
def test_a_changed_character_of_a_request_is_refused(data: st.DataObject) -> None:
    case = VECTORS["requests"][0]
    text = case["device_request"]
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(codec="utf-8").filter(lambda sign: sign != text[at])) + text[at + 1 :]
    try:
        verify_request(ReleaseRequested, changed, OCCASION, case["proof"])
    except DeviceRequestRefused:
        return
    # The signature's base64 has bits that carry nothing; what was signed is the same.
    assert {**json.loads(changed), "signature": ""} == {**json.loads(text), "signature": ""}


@given(st.text(max_size=1200) | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_whatever_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(DeviceRequestRefused):
        verify_request(ReleaseRequested, text, OCCASION, {})


@pytest.mark.parametrize("case", VECTORS["sealed"], ids=lambda case: case["contents"])
def test_an_answer_of_the_vectors_opens(case: dict[str, str]) -> None:
    assert unseal(Contents(case["contents"]), case["sealed"], KEYS, UUID, NUMBER) == case["plain"]


@pytest.mark.parametrize("case", VECTORS["refused_sealed"], ids=by_reason)
def test_an_answer_that_is_not_for_this_stays_closed(case: dict[str, str]) -> None:
    with pytest.raises(SealBroken):
        unseal(Contents(case["contents"]), case["sealed"], KEYS, UUID, NUMBER)


def test_a_typed_code_of_the_vectors_opens_for_its_device_and_election_alone() -> None:
    case = VECTORS["typed_code"]
    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["code_key_secret"]))
    assert key.public_key().public_bytes_raw().hex() == case["code_key"]
    assert unseal_typed_code(case["sealed"], key, UUID, KEYS.public) == case["plain"]
    anew = seal_typed_code(case["plain"], key.public_key(), UUID, KEYS.public)
    assert anew != case["sealed"] and unseal_typed_code(anew, key, UUID, KEYS.public) == case["plain"]
    thief = new_device_keys(secrets.token_bytes).public
    for uuid, device in ((UUID, thief), ("1" * 14, KEYS.public)):
        with pytest.raises(SealBroken):
            unseal_typed_code(case["sealed"], key, uuid, device)


@given(st.text(max_size=60))
def test_what_is_sealed_is_opened_by_its_device_and_by_no_other(plain: str) -> None:
    first, again = (seal(Contents.CREDENTIAL, plain, OCCASION) for _ in range(2))
    assert first != again, "sealed anew each time"
    assert unseal(Contents.CREDENTIAL, first, KEYS, UUID, NUMBER) == plain
    strangers = DeviceKeys(KEYS.signing, X25519PrivateKey.generate())
    for keys, number in ((strangers, NUMBER), (KEYS, "0" * 32)):
        with pytest.raises(SealBroken):
            unseal(Contents.CREDENTIAL, first, keys, UUID, number)


def test_the_librarys_hpke_is_that_of_the_rfc() -> None:
    """RFC 9180, A.1.1, which has additional data: the library takes it in a function of its own tests only."""
    v = {name: bytes.fromhex(value) for name, value in VECTORS["rfc9180_a_1_1"].items()}
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    recipient = X25519PrivateKey.from_private_bytes(v["skRm"])
    assert _rust.hpke._decrypt_with_aad(suite, v["pkEm"] + v["ct"], recipient, v["info"], v["aad"]) == v["pt"]
