"""``evote-tally serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import sys
from functools import partial

from evote_eventlog.replay import REPLAY_REFUSALS
from evote_platform.program import Program
from evote_platform.roster import RosterFile

from .api import officer, public, trustee
from .api.problems import PROBLEMS
from .service import SCHEMA, SERVICE, replay, running
from .settings import TallySettings

PROGRAM = Program(
    service=SERVICE,
    schema=SCHEMA,
    settings=TallySettings,
    start=lambda settings: partial(running, settings, RosterFile(settings.roster_file)),
    replay=replay,
    routers=[officer.router, trustee.router, public.router],
    problems=PROBLEMS,
    refusals=REPLAY_REFUSALS,
)


def main() -> None:
    """The program's entry."""
    sys.exit(PROGRAM.run())


if __name__ == "__main__":
    main()
