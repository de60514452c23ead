"""How long whoever is told to come again waits, as the voting page does."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import httpx

ASK_AGAIN_S: Final = 0.5
"""Where nobody said when."""


def told_to_wait_s(response: httpx.Response) -> float:
    """``Retry-After`` in seconds. Our services say it with each 429 and 503; what stands before them may not."""
    return float(response.headers.get("Retry-After", ASK_AGAIN_S))


def is_to_come_again(response: httpx.Response) -> bool:
    """Whether the same request may be answered later."""
    return response.status_code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
