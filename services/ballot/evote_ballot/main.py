"""``evote-ballot serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import sys
from functools import partial

from evote_eventlog.replay import REPLAY_REFUSALS
from evote_platform.program import Program
from evote_platform.roster import RosterFile

from .api.problems import PROBLEMS
from .api.routes import router
from .service import SCHEMA, SERVICE, replay, running
from .settings import BallotSettings

PROGRAM = Program(
    service=SERVICE,
    schema=SCHEMA,
    settings=BallotSettings,
    start=lambda settings: partial(running, settings, RosterFile(settings.roster_file)),
    replay=replay,
    routers=[router],
    problems=PROBLEMS,
    refusals=REPLAY_REFUSALS,
)


def main() -> None:
    """The program's entry."""
    sys.exit(PROGRAM.run())


if __name__ == "__main__":
    main()
