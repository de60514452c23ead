"""A key for each election in a PKCS #11 token: made there, never shown, used there, destroyed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pkcs11
from pkcs11 import Attribute

from ..domain.credentials import CredentialKey, key_id
from ..domain.refusals import NoCredentialKey
from .store import KeyStoreUnavailable

_KEY_BITS = 256
# A file that is no library is a RuntimeError.
_FAILURES = (pkcs11.PKCS11Error, OSError, RuntimeError)
T = TypeVar("T")


@dataclass(frozen=True)
class TokenSettings:
    """Which token, and how to log in.

    Args:
        module: the vendor's PKCS #11 library.
        label: the token's.
        pin_file: a file whose only line is the user PIN.
    """

    module: Path
    label: str
    pin_file: Path

    def pin(self) -> str:
        """Read the PIN."""
        return self.pin_file.read_text().strip()


class TokenKeys:
    """What a replica uses. It opens a session when first asked, and a new one after any failure."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._session: pkcs11.Session | None = None
        self._found: dict[str, pkcs11.SecretKey] = {}
        self._refused_pin: str | None = None
        self._failed = False

    def key_of(self, election_uuid: str) -> CredentialKey:
        self._try(lambda: self._find(election_uuid))
        return _Key(lambda message: self._try(lambda: _mac(self._find(election_uuid), message)))

    def check(self) -> None:
        self._try(lambda: _keys_of(self._open(), "none"))

    def close(self) -> None:
        session, self._session, self._found = self._session, None, {}
        if session is not None:
            with suppress(pkcs11.PKCS11Error):  # a session that is lost can't be closed
                session.close()

    def _try(self, act: Callable[[], T]) -> T:
        try:
            try:
                return act()
            except _FAILURES:
                if self._session is None:  # none could be opened: the same again would fail the same way
                    raise
                # A session ends when its token restarts or its network breaks, and a key that was found may be gone.
                self.close()
                return act()
        except _FAILURES as error:
            self.close()
            self._failed = True
            raise _unavailable(error) from error

    def _find(self, election_uuid: str) -> pkcs11.SecretKey:
        session = self._open()
        if election_uuid not in self._found:
            keys = _keys_of(session, election_uuid)
            if len(keys) != 1:
                raise NoCredentialKey(election_uuid, len(keys))
            self._found[election_uuid] = keys[0]
        return self._found[election_uuid]

    def _open(self) -> pkcs11.Session:
        if self._session is None:
            pin = self._settings.pin()
            if pin == self._refused_pin:
                # A token locks itself after a few wrong PINs, and a replica asks it every second.
                raise KeyStoreUnavailable("the PIN was refused, and is not tried again until its file changes")
            if self._failed:
                # Some libraries give a token up for good when it went away, until they are started anew.
                pkcs11.lib(str(self._settings.module)).reinitialize()
            try:
                self._session = _login(self._settings, pin, rw=False)
            except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinLocked):
                self._refused_pin = pin
                raise
            self._failed = False
        return self._session


class TokenDesk:
    """What operators do with the keys, in one session for writing."""

    def __init__(self, settings: TokenSettings) -> None:
        """Log in. This and everything else here may raise ``KeyStoreUnavailable``."""
        with _saying_so():
            self._session = _login(settings, settings.pin(), rw=True)

    def ids_of(self, election_uuid: str) -> list[str]:
        """What tells the election's keys apart; one is what there should be."""
        with _saying_so():
            return [_id_of(key) for key in _keys_of(self._session, election_uuid)]

    def make(self, election_uuid: str) -> str:
        """Make a key beside those that there are; returns its id."""
        with _saying_so():
            key = self._session.generate_key(
                pkcs11.KeyType.GENERIC_SECRET,
                _KEY_BITS,
                label=_label(election_uuid),
                store=True,
                capabilities=pkcs11.MechanismFlag.SIGN,
                mechanism=pkcs11.Mechanism.GENERIC_SECRET_KEY_GEN,
                # Neither in the clear nor wrapped, nor to be made so later: who has the token uses it there.
                template={Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
            return _id_of(key)

    def destroy(self, election_uuid: str, key_ids: list[str]) -> None:
        """Destroy these keys of the election, for ever."""
        with _saying_so():
            for key in _keys_of(self._session, election_uuid):
                if _id_of(key) in key_ids:
                    key.destroy()

    def close(self) -> None:
        """Log out."""
        with suppress(pkcs11.PKCS11Error):
            self._session.close()


@contextmanager
def _saying_so() -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> KeyStoreUnavailable:
    return KeyStoreUnavailable(str(error) or type(error).__name__)


@dataclass(frozen=True)
class _Key:
    mac: Callable[[bytes], bytes]


def _login(settings: TokenSettings, pin: str, *, rw: bool) -> pkcs11.Session:
    token = pkcs11.lib(str(settings.module)).get_token(token_label=settings.label)
    try:
        return token.open(rw=rw, user_pin=pin)
    except pkcs11.exceptions.UserAlreadyLoggedIn:
        return token.open(rw=rw)  # a token knows one login of a process, whichever session made it


def _keys_of(session: pkcs11.Session, election_uuid: str) -> list[pkcs11.SecretKey]:
    # To the end of the search: left open, it would fail when its session is gone.
    return list(
        session.get_objects(
            {
                Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: pkcs11.KeyType.GENERIC_SECRET,
                Attribute.LABEL: _label(election_uuid),
            }
        )
    )


def _label(election_uuid: str) -> str:
    return f"tsukuba-evote credentials {election_uuid}"


def _mac(key: pkcs11.SecretKey, message: bytes) -> bytes:
    return bytes(key.sign(message, mechanism=pkcs11.Mechanism.SHA256_HMAC))


def _id_of(key: pkcs11.SecretKey) -> str:
    return key_id(_Key(lambda message: _mac(key, message)))
