"""An officer's key in a PKCS #11 token: made there, used there, and named by a key file that holds no secret.

The key file says where the key is; what opens it is the token's PIN, asked for as a file's password is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pkcs11
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_officers.signing import Officer
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from .errors import CommandFailed

_ED25519 = "1.3.101.112"
"""RFC 8410, section 3."""
_PUBLIC_KEY_BYTES = 32
# A file that is no library is a RuntimeError.
_FAILURES = (pkcs11.PKCS11Error, OSError, RuntimeError)


class NotATokenFile(ValueError):
    """The text names no key in a token."""


@dataclass(frozen=True)
class TokenPlace:
    """Where an officer's key is.

    Args:
        module: the vendor's PKCS #11 library.
        token: the token's label.
        key_id: the key's ``CKA_ID`` in it, hexadecimal.
    """

    module: str
    token: str
    key_id: str


def token_file_text(deployment: str, identifier: str, place: TokenPlace) -> str:
    """What the key file of a key in a token holds."""
    document = {"deployment": deployment, "officer": identifier, "pkcs11": asdict(place)}
    return json.dumps(document, ensure_ascii=False)


def open_token_file(text: str, pin: str) -> Officer:
    """The officer whose key a key file names, logged in at the token.

    Raises:
        NotATokenFile: the text names none.
        CommandFailed: the token doesn't answer, refuses the PIN, or has no such key.
    """
    try:
        document = json.loads(text)
        deployment, identifier = str(document["deployment"]), str(document["officer"])
        place = TokenPlace(**{name: str(value) for name, value in document["pkcs11"].items()})
        key_id = bytes.fromhex(place.key_id)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotATokenFile from error
    with _in_words(place):
        session = _login(place, pin, writing=False)
        wanted = {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.KEY_TYPE: KeyType.EC_EDWARDS,
            Attribute.ID: key_id,
        }
        # To the end of the search: left open, it would fail when its session is gone.
        found = list(session.get_objects(wanted))
    if len(found) != 1:
        raise CommandFailed(f"トークン {place.token} に鍵ファイルの鍵がありません。作ったトークンを差してください。")
    return Officer(deployment, identifier, _TokenKey(place, found[0].sign))


@dataclass(frozen=True)
class TokenPin:
    """A token to make a key in: the vendor's library, the token's label, and its PIN."""

    module: Path
    token: str
    pin: str = field(repr=False)


def make_token_key(where: TokenPin, key_id: bytes) -> tuple[TokenPlace, Ed25519PublicKey]:
    """Make an Ed25519 key that never leaves the token; returns where it is, and its public half.

    Raises:
        CommandFailed: the token doesn't answer, refuses the PIN, or makes no such keys.
    """
    place = TokenPlace(str(where.module), where.token, key_id.hex())
    with _in_words(place):
        session = _login(place, where.pin, writing=True)
        parameters = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: encode_named_curve_parameters(_ED25519)}, local=True
        )
        public, _private = parameters.generate_keypair(
            id=key_id,
            label="tsukuba-evote officer",
            store=True,
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            # Neither in the clear nor wrapped, nor to be made so later: who has the token signs there.
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        point = bytes(public[Attribute.EC_POINT])
        session.close()
    # PKCS #11 3.0, section 2.3.5: an OCTET STRING in DER around the 32 bytes; some libraries give them alone.
    return place, Ed25519PublicKey.from_public_bytes(point[-_PUBLIC_KEY_BYTES:])


@dataclass(frozen=True)
class _TokenKey:
    place: TokenPlace
    _sign: Callable[..., bytes]

    def sign(self, message: bytes, /) -> bytes:
        with _in_words(self.place):
            return bytes(self._sign(message, mechanism=pkcs11.Mechanism.EDDSA))


def _login(place: TokenPlace, pin: str, *, writing: bool) -> pkcs11.Session:
    found = pkcs11.lib(place.module).get_token(token_label=place.token)
    try:
        return found.open(rw=writing, user_pin=pin)
    except pkcs11.exceptions.UserAlreadyLoggedIn:
        return found.open(rw=writing)  # a token knows one login of a process, whichever session made it


@contextmanager
def _in_words(place: TokenPlace) -> Iterator[None]:
    try:
        yield
    except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinInvalid, pkcs11.exceptions.PinLenRange) as error:
        raise CommandFailed("トークンの暗証番号が違います。続けて間違えると、トークンは使えなくなります。") from error
    except pkcs11.exceptions.PinLocked as error:
        raise CommandFailed("トークンの暗証番号は止められています。トークンの管理者に申し出てください。") from error
    except pkcs11.exceptions.NoSuchToken as error:
        raise CommandFailed(f"トークン {place.token} がありません。差してから、もう一度実行してください。") from error
    except _FAILURES as error:
        reason = str(error) or type(error).__name__
        raise CommandFailed(f"トークンが応答しません（{place.module}、{place.token}）: {reason}") from error
