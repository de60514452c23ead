"""Which trustee calls, and what trustees send."""

from __future__ import annotations

import hmac
import json
from typing import Annotated

from evote_eventlog.events import ElectionDrafted
from evote_platform.access import running_service
from evote_platform.problems import Problem
from evote_platform.tokens import token_sha256, verify_bearer
from fastapi import Depends, Path, Request

from ..domain.drafting import MAX_TRUSTEES
from ..domain.refusals import UnknownTrustee
from ..service import TallyService

TrusteePath = Annotated[int, Path(ge=1, le=MAX_TRUSTEES, description="The trustee's number, from 1.")]
Service = Annotated[TallyService, Depends(running_service)]


def require_trustee(request: Request, draft: ElectionDrafted, trustee: int) -> None:
    """Let only this trustee through."""
    if trustee > len(draft.trustees):
        raise UnknownTrustee(trustee)
    verify_bearer(request, draft.trustees[trustee - 1].token_sha256)


def calling_trustee(request: Request, draft: ElectionDrafted) -> int:
    """The number of the trustee whose token the request carries; any other token is refused."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    digest = token_sha256(token)
    matches = [hmac.compare_digest(digest, trustee.token_sha256) for trustee in draft.trustees]
    number = matches.index(True) + 1 if any(matches) else 1
    require_trustee(request, draft, number)
    return number


async def exact_json_text(request: Request) -> str:
    """The body's exact text, which must be JSON in UTF-8."""
    body = await request.body()
    try:
        text = body.decode()
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed-json", "The body is not JSON", 400, "Send one JSON value in UTF-8.") from error
    return text
