"""Who asks, where auditors of record are answered more than the public: a dependency beside those of ``access``."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated, Any, Final, Protocol

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from .access import running_service
from .problems import Problem, kind
from .publication import Reader

AUDITOR_TOKEN: Final = HTTPBearer(
    scheme_name="auditor", description="The token of the auditors of record.", auto_error=False
)
"""For the contract only: what a request carries is looked at below."""

OPTIONAL_ACCESS: Final[dict[str, Any]] = {"security": [{}]}
"""For ``openapi_extra``: such an endpoint answers without access as well."""

ACCESS_REFUSED: Final = kind(
    "auditor-access-refused",
    403,
    ("監査人のトークンではありません", "Authorization ヘッダーを外せば、公開されているものを読めます。"),
    ("This is not an auditor's access", "Without the Authorization header you get what is public."),
)


class HasAuditors(Protocol):
    """A service that shows auditors of record what is not public yet."""

    @property
    def auditor_token_sha256(self) -> str | None:
        """SHA-256 (hex) of their bearer token; None: there are none."""


def reader_of(request: Request, _access: Annotated[object, Security(AUDITOR_TOKEN)]) -> Reader:
    """Who asks: the public, or with access an auditor; for the endpoints of a service that :class:`HasAuditors`.

    Raises ``Problem`` for an access that does not hold: its owner must not take the public's answer for the whole.
    """
    given = request.headers.get("authorization")
    if given is None:
        return Reader.PUBLIC
    service: HasAuditors = running_service(request)
    scheme, _, token = given.partition(" ")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
    expected = service.auditor_token_sha256
    if scheme.lower() != "bearer" or expected is None or not hmac.compare_digest(digest, expected):
        raise Problem(ACCESS_REFUSED)
    return Reader.AUDITOR
