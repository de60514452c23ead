"""Signatures: low s, from a file or from a token, over the right key."""

from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from evote_anchors.errors import ChainUnavailable
from evote_anchors.fabric import low_s
from evote_anchors.fabric.identity import PemKey, TokenKey, TokenSettings, verify_key_fits
from evote_local.nodes.softhsm import SoftToken
from hypothesis import given
from hypothesis import strategies as st

from .authorities import Member, TestOrganisation
from .conftest import NOW

scalars = st.integers(min_value=1, max_value=low_s.P256_ORDER - 1)


@given(scalars, scalars)
def test_s_is_low_and_r_unchanged(r: int, s: int) -> None:
    from_der = low_s.from_der(encode_dss_signature(r, s))
    from_raw = low_s.from_raw(r.to_bytes(32) + s.to_bytes(32))

    assert from_der == from_raw
    assert low_s.is_low(from_der)
    assert decode_dss_signature(from_der) in ((r, s), (r, low_s.P256_ORDER - s))


@given(st.binary(max_size=100))
def test_a_signature_with_low_s_verifies(message: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    signature = PemKey(key).sign(message)

    assert low_s.is_low(signature)
    key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))


@pytest.fixture(scope="module")
def member() -> Member:
    return TestOrganisation("CityMSP", NOW).client


@pytest.fixture(scope="module")
def settings(soft_token: SoftToken, member: Member, tmp_path_factory: pytest.TempPathFactory) -> TokenSettings:
    path = tmp_path_factory.mktemp("key") / "key.pem"
    path.write_bytes(member.key_pem)
    soft_token.import_key(path, "anchorer")
    return TokenSettings(soft_token.module, soft_token.label, "anchorer", soft_token.pin_file)


@pytest.fixture(autouse=True)
def collected() -> None:
    """A session that a failed call gave up logs everybody out when it is collected: not amid the next test."""
    gc.collect()


def test_a_token_signs_as_the_certificates_key(settings: TokenSettings, member: Member) -> None:
    key = TokenKey(settings)

    verify_key_fits(member.certificate, key)
    signatures = [key.sign(b"message") for _ in range(20)]  # each has a high s with probability one half

    assert all(low_s.is_low(signature) for signature in signatures)
    key.close()


def test_a_token_that_was_closed_is_opened_again(settings: TokenSettings, member: Member) -> None:
    key = TokenKey(settings)
    key.sign(b"message")
    key.close()

    verify_key_fits(member.certificate, key)
    key.close()


def test_two_keys_of_one_token_do_not_log_each_other_out_for_good(settings: TokenSettings, member: Member) -> None:
    first, second = TokenKey(settings), TokenKey(settings)
    first.sign(b"message")
    verify_key_fits(member.certificate, second)
    first.close()

    verify_key_fits(member.certificate, second)
    second.close()


_TRIES = """
import sys
from pathlib import Path
from evote_anchors.errors import ChainUnavailable
from evote_anchors.fabric.identity import TokenKey, TokenSettings

module, token, label, pin_file, right = sys.argv[1:]
key = TokenKey(TokenSettings(Path(module), token, label, Path(pin_file)))
try:
    key.sign(b"message")
    print("signed")
except ChainUnavailable as refusal:
    print(refusal)
Path(pin_file).write_text(right)
print(key.sign(b"message").hex())
key.close()
"""


def test_a_token_with_another_pin_does_not_sign_until_the_pin_is_right(
    settings: TokenSettings, member: Member, tmp_path: Path
) -> None:
    """In a program of its own: where any session of a process is logged in, the token asks the others for no PIN."""
    pin_file = tmp_path / "pin"
    pin_file.write_text("00000000x")
    given = (settings.module, settings.token_label, settings.key_label, pin_file, settings.pin_file.read_text())
    child = [sys.executable, "-c", _TRIES, *map(str, given)]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    refusal, signature = done.stdout.splitlines()

    assert "does not sign: PinIncorrect" in refusal
    member.key.public_key().verify(bytes.fromhex(signature), b"message", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("change", [{"token_label": "none"}, {"key_label": "none"}, {"module": Path("/none.so")}])
def test_what_is_not_there_is_said(settings: TokenSettings, change: dict[str, str]) -> None:
    with pytest.raises(ChainUnavailable, match="does not sign"):
        TokenKey(replace(settings, **change)).sign(b"message")


def test_a_label_of_two_keys_says_so(settings: TokenSettings, soft_token: SoftToken, tmp_path: Path) -> None:
    for name in ("first", "second"):
        key = ec.generate_private_key(ec.SECP256R1())
        (tmp_path / name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        soft_token.import_key(tmp_path / name, "twins")

    with pytest.raises(ChainUnavailable, match="2 private keys for ECDSA are called 'twins'"):
        TokenKey(replace(settings, key_label="twins")).sign(b"message")


def test_a_certificate_of_another_key_is_refused(member: Member) -> None:
    with pytest.raises(ValueError, match="another key"):
        verify_key_fits(member.certificate, PemKey(ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize(
    "content",
    [
        b"no key",
        rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
)
def test_a_file_without_a_p256_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)

    with pytest.raises(ValueError):
        PemKey.load(path)


def test_an_encrypted_key_file_is_refused(tmp_path: Path, member: Member) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(member.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))

    with pytest.raises(TypeError):
        PemKey.load(path)


def test_keys_do_not_print(member: Member) -> None:
    secret = member.key.private_numbers().private_value

    printed = repr(member.identity) + str(member.identity.signer)

    assert str(secret) not in printed
    assert f"{secret:x}" not in printed
