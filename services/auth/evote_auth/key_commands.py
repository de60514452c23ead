"""``evote-auth keys create | rotate | destroy``: the life of an election's key, each step by a person at a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from evote_eventlog.events import ElectionAbandoned, ElectionOpened, ResultCertified, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail

from .keys.token import TokenDesk
from .vault import Connection, roll

Ask = Callable[[str], str]
"""Shows a text and returns the line that the person types."""
Say = Callable[[str], None]

_DESTROYING = """\
This destroys the credential key of election {uuid} in the token, for ever ({ids}).
- No private credential of this election can be derived any more: not by this service, not by whoever takes its token,
  its database or its backups. Nobody can cast in a voter's name, and nobody can tell whose credential was whose.
- The public list, the archive, every receipt and the sealed evidence stay as they are and can be verified as before.
- Copies of the key that the token's own backup has must be destroyed by its operators.
Type the election's id to go on: """


class KeyCommandRefused(Exception):
    """A command was not carried out; nothing was changed. Its text says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``evote-auth keys``."""
    parser.add_argument("action", choices=["create", "rotate", "destroy"])
    parser.add_argument("--election", required=True, metavar="ID", help="the election's id")


async def create(desk: TokenDesk, connection: Connection, election_uuid: str, say: Say) -> None:
    """Make the election's key, before its roll is frozen."""
    async with connection.transaction():
        await _require_unfrozen(connection, election_uuid)
        if found := desk.ids_of(election_uuid):
            raise KeyCommandRefused(f"election {election_uuid} has a key already ({', '.join(found)}): see 'rotate'")
        say(f"made key {desk.make(election_uuid)} for election {election_uuid}")


async def rotate(desk: TokenDesk, connection: Connection, election_uuid: str, say: Say) -> None:
    """Put a new key in the place of the election's, before its roll is frozen; repeat it when it was interrupted."""
    async with connection.transaction():
        # The roll is locked until the end: a freeze waits, and takes up the new key.
        await _require_unfrozen(connection, election_uuid)
        before = desk.ids_of(election_uuid)
        if not before:
            raise KeyCommandRefused(f"election {election_uuid} has no key: see 'create'")
        # A crash behind this leaves two keys, with which nothing is derived; the command, repeated, leaves one.
        made = desk.make(election_uuid)
        desk.destroy(election_uuid, before)
        say(f"made key {made} for election {election_uuid}, destroyed {', '.join(before)}")


async def destroy(desk: TokenDesk, kafka: KafkaSettings, election_uuid: str, ask: Ask, say: Say) -> None:
    """Destroy the election's key, once the log says that its result is certified or that it was given up."""
    found = desk.ids_of(election_uuid)
    if not found:
        raise KeyCommandRefused(f"election {election_uuid} has no key in this token")
    if not await _is_over(kafka, election_uuid):
        raise KeyCommandRefused(
            f"the log has no certified result of election {election_uuid}, and no abandonment: its key is still needed"
        )
    if ask(_DESTROYING.format(uuid=election_uuid, ids=", ".join(found))).strip() != election_uuid:
        raise KeyCommandRefused("that is not the election's id: nothing was destroyed")
    desk.destroy(election_uuid, found)
    say(f"destroyed the key of election {election_uuid} ({', '.join(found)})")


async def _require_unfrozen(connection: Connection, election_uuid: str) -> None:
    if await roll.lock_roll(connection, election_uuid):
        raise KeyCommandRefused(
            f"the roll of election {election_uuid} is frozen: its public credentials stand in the log,"
            " and no other key makes them"
        )


async def _is_over(kafka: KafkaSettings, election_uuid: str) -> bool:
    tail = EventTail(kafka, [Topic.ELECTIONS])
    opened = over = False
    async for record in tail.read("earliest", until=await tail.end_offsets()):
        event = record.envelope.data if isinstance(record, Record) else None
        match event:
            case ElectionOpened(election_uuid=uuid) if uuid == election_uuid:
                opened = True
            case ResultCertified(election_uuid=uuid) if uuid == election_uuid:
                over = True
            case ElectionAbandoned(election_uuid=uuid) if uuid == election_uuid:
                # Behind the opening it does not stand: people vote with this key's credentials.
                over |= not opened
    return over
