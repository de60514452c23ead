"""``evote-biometric serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import sys
from functools import partial

import structlog
from evote_eventlog.replay import REPLAY_REFUSALS
from evote_platform.program import Program, Start
from evote_platform.roster import RosterFile
from evote_platform.settings import CannotStart

from .api.problems import PROBLEMS
from .api.routes import officers, voters
from .engine.confinement import keep_memory, namespaces_are_allowed
from .engine.weights import WeightsRefused, check_weights
from .service import SCHEMA, SERVICE, replay, running
from .settings import BiometricSettings

_log = structlog.get_logger(__name__)


def _start(settings: BiometricSettings) -> Start:
    try:
        check_weights(settings.weights_dir)
    except WeightsRefused as error:
        raise CannotStart(str(error)) from error
    if not namespaces_are_allowed():
        _log.warning("decoder-without-namespaces", remedy="services/biometric/README.md, Reading faces")
    worker = [sys.executable, "-m", "evote_biometric.inference", str(settings.weights_dir)]
    return partial(running, settings, RosterFile(settings.roster_file), worker)


PROGRAM = Program(
    service=SERVICE,
    schema=SCHEMA,
    settings=BiometricSettings,
    start=_start,
    replay=replay,
    routers=[officers, voters],
    problems=PROBLEMS,
    refusals=REPLAY_REFUSALS,
)


def main() -> None:
    """The program's entry."""
    keep_memory()
    sys.exit(PROGRAM.run())


if __name__ == "__main__":
    main()
