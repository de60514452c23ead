"""The anchorer's private key."""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_account.types import TransactionDictType
from eth_typing import ChecksumAddress
from web3.types import TxParams


class UnusableKey(Exception):
    """A key file holds no key that can be used. Fields: ``path``, ``reason``; nothing of the content."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class AnchorerKey:
    """Signs transactions of one account. It never prints its key."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self.address: ChecksumAddress = account.address

    def __repr__(self) -> str:
        return f"AnchorerKey({self.address})"

    def sign(self, transaction: TxParams) -> bytes:
        """The signed transaction as it is sent."""
        signed: TransactionDictType = transaction  # type: ignore[assignment]  # two names for one dictionary
        return bytes(self._account.sign_transaction(signed).raw_transaction)


def load_key(path: Path, password_file: Path | None = None) -> AnchorerKey:
    """Read a key: 64 hexadecimal digits, or an encrypted keystore (JSON, version 3) with its password in a file.

    Opening a keystore takes seconds, by its design. A line end after the password is not part of it.

    Raises:
        UnusableKey: it is neither, or the password is wrong or missing.
        OSError: a file can't be read.
    """
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not text.startswith("{"):
        return _from_hex(path, text)
    if password_file is None:
        raise UnusableKey(path, "is an encrypted keystore: name the file that holds its password")
    return _from_keystore(path, text, password_file.read_text(encoding="utf-8").rstrip("\r\n"))


# What the libraries say of a bad key may quote it, so that no error of theirs is shown.
def _from_hex(path: Path, text: str) -> AnchorerKey:
    try:
        return AnchorerKey(Account.from_key(_32_bytes(text.removeprefix("0x"))))
    except Exception:
        raise UnusableKey(path, "holds neither 64 hexadecimal digits of a usable key nor a keystore") from None


def _from_keystore(path: Path, text: str, password: str) -> AnchorerKey:
    try:
        return AnchorerKey(Account.from_key(Account.decrypt(json.loads(text), password)))
    except Exception:
        raise UnusableKey(path, "is no keystore of version 3, or the password is not its password") from None


def _32_bytes(digits: str) -> bytes:
    if len(digits) != 64:
        raise ValueError
    return bytes.fromhex(digits)
