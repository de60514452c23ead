"""The languages that reports are written in."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """Of a report."""

    ENGLISH = "en"
    JAPANESE = "ja"


def language_of(locale: str) -> Language:
    """The language for a POSIX locale, such as ``ja_JP.UTF-8``."""
    return Language.JAPANESE if locale.startswith("ja") else Language.ENGLISH
