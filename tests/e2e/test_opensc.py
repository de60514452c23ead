"""OpenSC, which we did not write, judges the emulated card through pcscd and a virtual reader."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from evote_jpki.cardfile import load_card, save_card
from evote_jpki.emulator import EmulatedCard

pytestmark = [pytest.mark.stack, pytest.mark.slow]

USER, SIGNATURE = "01", "02"


def run(*command: str | Path, accepted: bool = True) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode == 0) == accepted, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def wait_for_token(label: str) -> None:
    """PKCS#11 calls fail while the module is still finding out about a card that has just come."""
    for _ in range(50):
        listed = subprocess.run(["pkcs11-tool", "--list-slots"], capture_output=True, text=True, check=False)
        if listed.returncode == 0 and label in listed.stdout:
            return
        time.sleep(0.1)
    raise AssertionError(listed.stdout + listed.stderr)


@pytest.fixture
def inserted(card: EmulatedCard, insert):
    with insert(card) as inserted:
        yield inserted


@pytest.mark.usefixtures("inserted")
def test_the_card_is_recognised_and_listed() -> None:
    assert run("opensc-tool", "--reader", "0", "--name").strip() == "jpki"
    listed = run("pkcs15-tool", "--reader", "0", "--list-certificates", "--list-pins", "--list-keys")
    for name in ("User Authentication", "Digital Signature"):
        assert f"X.509 Certificate [{name} Certificate]" in listed
        assert f"Private RSA Key [{name} Key]" in listed
    assert "PIN [User Authentication PIN]" in listed and "PIN [Digital Signature PIN]" in listed
    assert "ModLength      : 2048" in listed


@pytest.mark.usefixtures("inserted")
def test_its_certificate_is_read_as_it_was_issued(card: EmulatedCard) -> None:
    pem = run("pkcs15-tool", "--reader", "0", "--read-certificate", "1")
    certificate = x509.load_pem_x509_certificate(pem[pem.index("-----BEGIN") :].encode())
    assert certificate == x509.load_der_x509_certificate(card.slots[0].certificate)


@pytest.mark.usefixtures("inserted")
@pytest.mark.parametrize(("number", "pin", "slot"), [(USER, "1234", 0), (SIGNATURE, "ABC123", 1)])
def test_its_signatures_verify(card: EmulatedCard, tmp_path: Path, number: str, pin: str, slot: int) -> None:
    message, signature = tmp_path / "message", tmp_path / "signature"
    message.write_bytes("私は、この選挙で投票するための資格情報を受け取ります。".encode())
    token = f"JPKI ({'User Authentication' if slot == 0 else 'Digital Signature'} PIN)"
    wait_for_token(token)
    run(
        *("pkcs11-tool", "--token-label", token, "--login", "--pin", pin),
        *("--sign", "--id", number, "--mechanism", "SHA256-RSA-PKCS"),
        *("--input-file", message, "--output-file", signature),
    )
    key = x509.load_der_x509_certificate(card.slots[slot].certificate).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature.read_bytes(), message.read_bytes(), padding.PKCS1v15(), hashes.SHA256())


def test_wrong_pins_count_down_and_lock_the_card_for_good(card: EmulatedCard, tmp_path: Path, insert) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    for pin, left in (("0000", 2), ("1234", 3), ("0000", 2), ("1111", 1), ("2222", 0), ("1234", 0)):
        with insert(load_card(path)):
            verify = ("pkcs15-tool", "--reader", "0", "--verify-pin", "--auth-id", USER, "--pin", pin)
            run(*verify, accepted=pin == "1234" and left > 0)
        assert load_card(path).slots[0].tries_left == left
