"""``evote-auth serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import sys
from functools import partial

from evote_platform.program import Program, Start
from evote_platform.roster import RosterFile
from evote_platform.settings import CannotStart

from .api.desk import desk
from .api.faces import face_officers, face_voters
from .api.problems import PROBLEMS
from .api.routes import officers, voters
from .revocation.trust import read_authorities
from .service import SCHEMA, SERVICE, replay, running
from .settings import AuthSettings


def _start(settings: AuthSettings) -> Start:
    try:
        read_authorities(settings.ca_bundle_file, settings.crl_file, settings.environment)
    except (OSError, ValueError) as error:
        raise CannotStart(f"the authorities can't be used: {error}") from error
    try:
        settings.face_keys()
    except (OSError, ValueError) as error:
        raise CannotStart(f"the keys of the face way can't be used: {error}") from error
    return partial(running, settings, RosterFile(settings.roster_file))


PROGRAM = Program(
    service=SERVICE,
    schema=SCHEMA,
    settings=AuthSettings,
    start=_start,
    replay=replay,
    routers=[officers, desk, voters, face_officers, face_voters],
    problems=PROBLEMS,
    max_body_bytes=64 * 1024 * 1024,  # a roll of 200,000 voters fits
)


def main() -> None:
    """The program's entry."""
    sys.exit(PROGRAM.run())


if __name__ == "__main__":
    main()
