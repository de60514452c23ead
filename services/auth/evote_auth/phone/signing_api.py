"""The signing API of マイナアプリ, as far as nobody outside can read it: every assumption of the project is here.

Known in public: a token by client credentials, ``POST …/sign-transactions`` with the base64 SHA-256 of what is signed,
authorisation with ``sign_transaction_id``, ``GET …/sign-transactions/{id}/result`` with the user's token; signature and
certificate come as JWE. Assumed, to be held against the Digital Agency's documents for registered operators before any
real use (ADR 30):

1. The transaction is asked for in JSON, with the digest as ``digest`` and its algorithm as ``digest_algorithm``.
2. Its answer names it as ``sign_transaction_id``.
3. The card signs the digest with PKCS #1 v1.5 (RFC 8017, 9.2): the signature is one over the text, with SHA-256.
4. The result has two members, ``signature`` and ``certificate``, each a compact JWE (RFC 7516) to the client's RSA key
   with RSA-OAEP-256 and A256GCM, whose plaintext is base64 of the signature's bytes and of the certificate's DER.
5. ``response_mode=fragment`` is honoured (OAuth 2.0 Multiple Response Type Encoding Practices): what comes back to the
   page is sent to no server. If it isn't, this way in doesn't work: the page reads no query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

TRANSACTIONS: Final = "/sign-transactions"
RESPONSE_MODE: Final = "fragment"
TRANSACTION_PARAMETER: Final = "sign_transaction_id"
JWE_ALGORITHMS: Final = ["RSA-OAEP-256", "A256GCM"]
_LARGEST_ID: Final = 255


class SigningAnswerMalformed(Exception):
    """The signing API says something else than it is assumed to say."""


def transaction_request(statement: str) -> dict[str, str]:
    """What is asked to be signed."""
    digest = base64.b64encode(hashlib.sha256(statement.encode()).digest()).decode()
    return {"digest": digest, "digest_algorithm": "SHA-256"}


def transaction_id(answer: Mapping[str, Any]) -> str:
    """The transaction's number; raises :class:`SigningAnswerMalformed`."""
    number = answer.get("sign_transaction_id")
    if not isinstance(number, str) or not number.isascii() or not 0 < len(number) <= _LARGEST_ID:
        raise SigningAnswerMalformed
    return number


def result_path(transaction: str) -> str:
    """Where the result is, below the base; ``transaction`` is one that :func:`transaction_id` gave."""
    return f"{TRANSACTIONS}/{quote(transaction, safe='')}/result"


def signed_result(answer: Mapping[str, Any], key: RSAKey) -> tuple[bytes, bytes]:
    """The certificate in DER and the signature; raises :class:`SigningAnswerMalformed`.

    Args:
        key: the client's, to which both are encrypted.
    """
    try:
        certificate, signature = (
            base64.b64decode(
                jwe.decrypt_compact(answer[name], key, algorithms=JWE_ALGORITHMS).plaintext or b"", validate=True
            )
            for name in ("certificate", "signature")
        )
    except (JoseError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise SigningAnswerMalformed from error
    return certificate, signature
