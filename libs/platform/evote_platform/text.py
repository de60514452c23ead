"""Text that every part of the platform can carry."""

from __future__ import annotations

from typing import Annotated, Final

import asyncpg
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def _carried_everywhere(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("text_nul", "must not hold the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError("text_unicode", "must be Unicode text without lone surrogates") from error
    return text


PlainText = Annotated[str, AfterValidator(_carried_everywhere)]
"""For free text in request models: PostgreSQL refuses NUL, and a lone surrogate has no UTF-8.

JSON can spell both (``\\u0000``, ``\\ud800``), and pydantic's ``str`` lets both through.
"""

UNCARRIABLE: Final = (
    UnicodeEncodeError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
)
"""What the database's driver raises for such a text when a model forgot to refuse it."""
