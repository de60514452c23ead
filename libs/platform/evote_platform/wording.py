"""What residents, officers and operators read: in both languages of the platform, Japanese first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The same thing, said in both languages."""

    japanese: str
    english: str
