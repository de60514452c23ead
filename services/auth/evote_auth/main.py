"""``evote-auth serve | migrate | replay | openapi | keys``: wiring only."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import closing
from functools import partial

from evote_eventlog.replay import REPLAY_REFUSALS
from evote_platform.cli import OwnCommand
from evote_platform.database import schema_pool
from evote_platform.production import require_production_connections
from evote_platform.program import Program, Start
from evote_platform.roster import RosterFile
from evote_platform.settings import CannotStart
from joserfc.errors import JoseError

from . import key_commands
from .api.desk import desk
from .api.faces import face_officers, face_voters
from .api.phones import phone_voters
from .api.problems import PROBLEMS
from .api.routes import officers, voters
from .keys.store import KeyStoreUnavailable
from .keys.token import TokenDesk
from .revocation.trust import read_authorities
from .service import SCHEMA, SERVICE, replay, running
from .settings import AuthSettings


def _start(settings: AuthSettings) -> Start:
    try:
        if (files := settings.card_files()) is not None:
            read_authorities(files, settings.environment)
    except (OSError, ValueError) as error:
        raise CannotStart(f"the authorities can't be used: {error}") from error
    try:
        settings.face_keys()
    except (OSError, ValueError) as error:
        raise CannotStart(f"the keys of the face way can't be used: {error}") from error
    try:
        settings.phone()
    except (OSError, ValueError, JoseError) as error:
        raise CannotStart(f"the keys of the phone's way can't be used: {error}") from error
    return partial(running, settings, RosterFile(settings.roster_file))


def _keys(arguments: argparse.Namespace) -> int:
    settings = AuthSettings.from_environment()
    require_production_connections(settings)
    token = settings.credential_token()
    if token is None:
        raise CannotStart("keys in a file have no life of their own: name a token (EVOTE_CREDENTIAL_TOKEN_MODULE)")
    with closing(TokenDesk(token)) as desk:
        asyncio.run(_act(settings, desk, arguments.action, arguments.election))
    return 0


async def _act(settings: AuthSettings, desk: TokenDesk, action: str, election_uuid: str) -> None:
    if action == "destroy":
        await key_commands.destroy(desk, settings.kafka(), election_uuid, input, print)
        return
    async with schema_pool(settings.database_url, SCHEMA) as pool, pool.acquire() as connection:
        act = key_commands.create if action == "create" else key_commands.rotate
        await act(desk, connection, election_uuid, print)


PROGRAM = Program(
    service=SERVICE,
    schema=SCHEMA,
    settings=AuthSettings,
    start=_start,
    replay=replay,
    routers=[officers, desk, voters, face_officers, face_voters, phone_voters],
    problems=PROBLEMS,
    own={
        "keys": OwnCommand("make, replace or destroy an election's credential key", _keys, key_commands.add_arguments)
    },
    refusals=(*REPLAY_REFUSALS, key_commands.KeyCommandRefused, KeyStoreUnavailable),
)


def main() -> None:
    """The program's entry."""
    sys.exit(PROGRAM.run())


if __name__ == "__main__":
    main()
