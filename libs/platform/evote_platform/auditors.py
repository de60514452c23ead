"""Who asks, where auditors of record are answered more than the public: a dependency beside those of ``access``."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Request, Security

from .access import ACCESS, require_auditor
from .publication import Reader

OPTIONAL_ACCESS: Final[dict[str, Any]] = {"security": [{}]}
"""For ``openapi_extra``: such an endpoint answers without access as well."""


async def reader_of(request: Request, _: Annotated[object, Security(ACCESS)]) -> Reader:
    """Who asks: the public, or with a signature an auditor; for the endpoints of a service that :class:`HasAccess`.

    Raises ``Problem`` for an access that does not hold: its owner must not take the public's answer for the whole.
    """
    if request.headers.get("authorization") is None:
        return Reader.PUBLIC
    await require_auditor.before_body(request)
    return Reader.AUDITOR
