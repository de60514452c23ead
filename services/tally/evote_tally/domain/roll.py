"""The roll of an election: the list of public credentials that auth published in parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from evote_belenios.box import BallotBox
from evote_belenios.credentials import parse_public
from evote_belenios.errors import BeleniosError
from evote_belenios.groups import group_by_name
from evote_eventlog.events import CredentialsPublished, RollFrozen
from evote_platform.wording import Words

from .election import Election, Stage
from .refusals import RollNotReady

_FEWEST_IN_PART = 512
_MOST_PARTS = 256
"""As many as the first byte of a hash tells apart."""


@dataclass(frozen=True)
class Roll:
    """A complete list of public credentials (each ``key`` or ``key,weight``) and its SHA-256."""

    credentials: tuple[str, ...]
    sha256: str


def credentials_text(credentials: Iterable[str]) -> str:
    """The exact ``public_creds.json`` text: a compact JSON array."""
    return json.dumps(list(credentials), separators=(",", ":"), ensure_ascii=False)


def number_of_parts(roll_size: int) -> int:
    """Into how many parts the list is given to voters' devices: 13 MB for a city of 200,000 are too many for a phone.

    A part has some 512 credentials or more, so that who asks for one doesn't say which of them is theirs.
    """
    return min(_MOST_PARTS, 1 << max(0, (roll_size // _FEWEST_IN_PART).bit_length() - 1))


def part_of(credential: str, parts: int) -> int:
    """The part that a line of the list is in, by the hash of its key: a device computes it from its own."""
    key, _, _ = credential.partition(",")
    return sha256(key.encode()).digest()[0] * parts >> 8


def complete_roll(parts: Iterable[CredentialsPublished]) -> Roll:
    """Put the published parts together.

    Parts are told apart by the hash of the whole list: a list that was announced and never finished
    doesn't stand in the way of a later one that is complete.

    Raises:
        RollNotReady: when no list is complete, or more than one is.
    """
    lists: dict[str, dict[int, CredentialsPublished]] = {}
    for part in parts:
        lists.setdefault(part.credentials_sha256, {}).setdefault(part.part, part)
    if not lists:
        raise RollNotReady(
            (Words("auth が公開資格をまだ公開していません", "auth has published no public credentials"),)
        )
    complete = {digest: found for digest, found in lists.items() if not _missing_parts(found)}
    if not complete:
        missing = (number for found in lists.values() for number in _missing_parts(found))
        raise RollNotReady(
            tuple(
                Words(f"公開資格の {number} 番の部分がありません", f"part {number} of the public credentials")
                for number in missing
            )
        )
    if len(complete) > 1:
        many = Words(
            f"異なる公開資格の一覧が {len(complete)} つ公開されています",
            f"{len(complete)} different lists of public credentials were published",
        )
        raise RollNotReady((many,))
    digest, found = next(iter(complete.items()))
    return Roll(tuple(c for number in sorted(found) for c in found[number].credentials), digest)


def _missing_parts(found: Mapping[int, CredentialsPublished]) -> list[int]:
    parts = max(part.parts for part in found.values())
    return [number for number in range(parts) if number not in found]


def weight_of(credential: str) -> int:
    """The weight that a public credential carries; 1 when it carries none."""
    _, comma, weight = credential.partition(",")
    return int(weight) if comma else 1


def freeze_roll(
    election: Election, parts: Iterable[CredentialsPublished], expected_size: int
) -> tuple[RollFrozen, ...]:
    """Freeze the roll at the published credentials; nothing to do when they are frozen already.

    Raises:
        RollNotReady: saying all that is missing or inconsistent.
    """
    if (frozen := election.fact(RollFrozen)) is not None:
        if frozen.roll_size != expected_size:
            other = Words(
                f"名簿は {expected_size} 人ではなく {frozen.roll_size} 人で確定しています",
                f"the roll is frozen at {frozen.roll_size} voters, not {expected_size}",
            )
            raise RollNotReady((other,))
        return ()
    election.require_stage(Stage.DRAFTED)
    roll = complete_roll(parts)
    faults = _roll_faults(election, roll, expected_size)
    if faults:
        raise RollNotReady(faults)
    return (RollFrozen(election_uuid=election.uuid, roll_size=len(roll.credentials), credentials_sha256=roll.sha256),)


def _roll_faults(election: Election, roll: Roll, expected_size: int) -> tuple[Words, ...]:
    faults = []
    credentials = roll.credentials
    if len(credentials) != expected_size:
        faults.append(
            Words(
                f"公開された資格は {len(credentials)} 件で、見込みの {expected_size} 件と違います",
                f"{len(credentials)} credentials were published, {expected_size} were expected",
            )
        )
    if sha256(credentials_text(credentials).encode()).hexdigest() != roll.sha256:
        faults.append(
            Words(
                "公開資格の SHA-256 が auth の告げた値と違います",
                "the public credentials don't have the SHA-256 that auth announced",
            )
        )
    if list(credentials) != sorted(credentials):
        # Another order than the sorted one could tie credentials to the order of the roll.
        faults.append(Words("公開資格が整列されていません", "the public credentials are not sorted"))
    # The box that ballots will be put into: a list that it doesn't take, such as one whose weights reach the group's
    # order, would stop the count after the close.
    box = BallotBox(group_by_name(election.draft.group))
    try:
        for credential in credentials:
            box.enrol(*parse_public(credential, box.group))
    except BeleniosError as error:
        faults.append(Words(f"公開資格が正しくありません: {error}", f"the public credentials can't be used: {error}"))
    return tuple(faults)
