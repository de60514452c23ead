"""The next release of any service: this one's code, with one more version of the ballot's event, and who writes it.

As a program it is the service whose module ``NEXT_RELEASE_OF`` names.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import ClassVar

from evote_eventlog import events


class NextBallotAccepted(events.BallotAccepted):
    """What this release doesn't know: the ballot's event tells by what channel it came."""

    version: ClassVar[int] = 3
    since: ClassVar[int] = max(known.since for known in events.EVENT_CLASSES) + 1
    channel: str = "device"

    def earlier(self) -> events.BallotAccepted:
        return events.BallotAccepted(**{name: getattr(self, name) for name in events.BallotAccepted.model_fields})


NextBallotAccepted.__name__ = events.BallotAccepted.__name__


def main() -> None:
    """Declare the version, as the next release's sources would; then let the service's own code run."""
    # Before anything else of the event log is imported: who reads and who writes is decided from this list.
    events.EVENT_CLASSES = (*events.EVENT_CLASSES, NextBallotAccepted)
    service = os.environ["NEXT_RELEASE_OF"]
    if service.startswith("evote_ballot."):
        # In an image no other service has the sources of the one that writes it.
        from evote_ballot.domain import cast

        cast.BallotAccepted = NextBallotAccepted
    importlib.import_module(service).main()


if __name__ == "__main__":
    sys.exit(main())
