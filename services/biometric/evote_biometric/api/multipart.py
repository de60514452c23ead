"""Reading multipart bodies in memory only: a picture of a face never touches a disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from evote_platform.problems import Problem
from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..domain.liveness import MOST_FRAMES
from .problems import INVALID_PART, MALFORMED_MULTIPART, NOT_A_PICTURE, NOT_MULTIPART, PICTURE_TOO_LARGE

MAX_BODY_BYTES: Final = 24 * 1024 * 1024
MAX_PHOTO_BYTES: Final = 12 * 1024 * 1024
MAX_ENROLMENT_BYTES: Final = MAX_PHOTO_BYTES + 1024 * 1024
MAX_FRAME_BYTES: Final = 768 * 1024
_PICTURE_TYPES = frozenset({"image/jpeg", "image/png"})
_MOST_FIELDS = 4

# It logs bytes of what it can't parse.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


class _InMemoryParser(MultiPartParser):
    spool_max_size = MAX_BODY_BYTES + 1  # Starlette's own limit is 1 MiB, and what is beyond goes to a file


async def read_form(request: Request) -> FormData:
    """The parts of a multipart/form-data body; 415 for another type, 400 for one that can't be parsed."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(NOT_MULTIPART)
    try:
        parser = _InMemoryParser(request.headers, request.stream(), max_files=MOST_FRAMES, max_fields=_MOST_FIELDS)
        return await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise Problem(MALFORMED_MULTIPART) from None


def text_part(form: FormData, name: str) -> str:
    """A text field that must be there once."""
    values = form.getlist(name)
    if len(values) != 1 or not isinstance(values[0], str):
        raise invalid_part(name)
    return values[0]


async def picture_parts(form: FormData, name: str, largest: int) -> tuple[bytes, ...]:
    """The pictures of a field, in their order; 415 for another type, 413 for one that is too large."""
    parts: Sequence[UploadFile | str] = form.getlist(name)
    if not parts:
        raise invalid_part(name)
    return tuple([await _picture(part, name, largest) for part in parts])


async def _picture(part: UploadFile | str, name: str, largest: int) -> bytes:
    if isinstance(part, str):
        raise invalid_part(name)
    if (part.content_type or "").partition(";")[0].strip().lower() not in _PICTURE_TYPES:
        raise Problem(NOT_A_PICTURE)
    content = await part.read()
    if len(content) > largest:
        raise Problem(PICTURE_TOO_LARGE, facts={"limit_kb": largest // 1024})
    return content


def invalid_part(name: str) -> Problem:
    """422: a part is missing, comes twice or is of the wrong kind."""
    return Problem(INVALID_PART, {"part": name})
