"""What a page may ask to have signed: the texts of a challenge of a configured election, and nothing else."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Set
from typing import Final

from evote_jpki.release_texts import MalformedText, ReleaseTexts, parse_release_texts
from starlette.requests import Request

from . import reports
from .reports import Refused

MAX_BODY_BYTES: Final = 16 * 1024
MAX_NAME_LENGTH: Final = 200
"""Characters of an election's name: a longer one would push what else is shown out of sight."""


async def read_texts(request: Request, elections: Set[str]) -> ReleaseTexts:
    """Read the body; refuses another media type, size or form, and texts that aren't to be signed."""
    if request.headers.get("content-type", "").replace(" ", "").lower() not in (
        "application/json",
        "application/json;charset=utf-8",
    ):
        raise Refused(reports.MEDIA_TYPE_REFUSED)
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY_BYTES:
            raise Refused(reports.BODY_TOO_LARGE)
    return parse_texts(bytes(content), elections)


def parse_texts(content: bytes, elections: Set[str]) -> ReleaseTexts:
    """The texts in a body; refuses with ``malformed-json``, ``invalid-request``, ``texts-refused`` or
    ``election-refused``."""
    try:
        body = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(reports.NOT_JSON) from None
    if not isinstance(body, dict) or set(body) != {"challenge", "release_statement"}:
        raise Refused(reports.BODY_REFUSED)
    challenge, statement = body["challenge"], body["release_statement"]
    if not isinstance(challenge, str) or not isinstance(statement, str):
        raise Refused(reports.BODY_REFUSED)
    try:
        texts = parse_release_texts(challenge, statement)
    except MalformedText:
        raise Refused(reports.TEXTS_REFUSED) from None
    if not _can_be_shown(texts.election_name):
        raise Refused(reports.TEXTS_REFUSED)
    if texts.election_uuid not in elections:
        raise Refused(reports.ELECTION_REFUSED)
    return texts


def _can_be_shown(name: str) -> bool:
    """Whether a person sees the name as it is signed: control characters could move the cursor of a terminal, and
    invisible ones turn the order of letters round."""
    return len(name) <= MAX_NAME_LENGTH and not any(
        unicodedata.category(sign).startswith("C") or sign in "\u2028\u2029" for sign in name
    )
