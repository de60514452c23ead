"""The anchorer's key comes from a file and never shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from eth_account import Account
from eth_keys.backends import NativeECCBackend
from evote_anchors.anchor import Anchor
from evote_anchors.ethereum.contract import anchor_data
from evote_anchors.ethereum.key import UnusableKey, load_key
from web3.types import Nonce, TxParams, Wei

SECRET = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


@pytest.fixture(scope="module")
def keystore() -> str:
    return json.dumps(Account.encrypt(SECRET, "筑波 pass", kdf="pbkdf2", iterations=2))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [SECRET, f"0x{SECRET}\n", f"  {SECRET.upper()}  "])
def test_a_key_in_hexadecimal_is_read(tmp_path: Path, text: str) -> None:
    assert load_key(write(tmp_path, "key", text)).address == ADDRESS


@pytest.mark.parametrize("password", ["筑波 pass", "筑波 pass\n", "筑波 pass\r\n"])
def test_a_keystore_is_opened_with_its_password(tmp_path: Path, keystore: str, password: str) -> None:
    password_file = tmp_path / "password"
    password_file.write_bytes(password.encode())
    assert load_key(write(tmp_path, "key", keystore), password_file).address == ADDRESS


@pytest.mark.parametrize("password", ["", "筑波 pass ", "other"])
def test_a_wrong_password_is_refused(tmp_path: Path, keystore: str, password: str) -> None:
    with pytest.raises(UnusableKey, match="password"):
        load_key(write(tmp_path, "key", keystore), write(tmp_path, "password", password))


def test_a_keystore_needs_a_password_file(tmp_path: Path, keystore: str) -> None:
    with pytest.raises(UnusableKey, match="password"):
        load_key(write(tmp_path, "key", keystore))


@pytest.mark.parametrize(
    "text", ["", SECRET[:-1], SECRET + "0", "zz" * 32, "00" * 32, "ff" * 32, "{}", '{"version": 3}']
)
def test_anything_else_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnusableKey) as raised:
        load_key(write(tmp_path, "key", text), write(tmp_path, "password", "x"))
    assert raised.value.__suppress_context__
    assert not text or text not in str(raised.value).removeprefix(str(tmp_path))


def test_a_key_does_not_print(tmp_path: Path) -> None:
    key = load_key(write(tmp_path, "key", SECRET))
    assert SECRET not in f"{key!r} {key} {key:}"
    assert ADDRESS in repr(key)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="eth-keys has no compiled arithmetic for this Python")
def test_signing_is_left_to_compiled_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """eth-keys falls back to Python without a word: far slower, and its time tells of the key."""

    def in_python(*_: object) -> NoReturn:
        raise AssertionError("computed in Python")

    for operation in ("ecdsa_sign", "private_key_to_public_key"):
        monkeypatch.setattr(NativeECCBackend, operation, in_python)
    transaction: TxParams = {
        "type": 2,
        "chainId": 31337,
        "nonce": Nonce(0),
        "to": load_key(write(tmp_path, "key", SECRET)).address,
        "value": Wei(0),
        "gas": 150_000,
        "maxFeePerGas": Wei(1),
        "maxPriorityFeePerGas": Wei(1),
        "data": anchor_data(Anchor("log.example", 1, bytes(32))),
    }
    raw = load_key(write(tmp_path, "key", SECRET)).sign(transaction)
    assert Account.recover_transaction(raw) == ADDRESS
