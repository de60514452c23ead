"""The next release of any program: this one's code, with one more version of the ballot's event, and who writes it.

It is the program whose module ``NEXT_RELEASE_OF`` names.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, ClassVar

from evote_eventlog import events

if TYPE_CHECKING:
    from evote_belenios.jsontext import Fields
    from evote_verify.reading import records


class NextBallotAccepted(events.BallotAccepted):
    """What this release doesn't know: the ballot's event tells by what channel it came."""

    version: ClassVar[int] = 3
    since: ClassVar[int] = max(known.since for known in events.EVENT_CLASSES) + 1
    channel: str = "device"

    def earlier(self) -> events.BallotAccepted:
        return events.BallotAccepted(**{name: getattr(self, name) for name in events.BallotAccepted.model_fields})


NextBallotAccepted.__name__ = events.BallotAccepted.__name__


def next_releases_ballot(data: Fields) -> records.Event:
    """As whoever reads the public log takes it."""
    from evote_verify.reading import records  # no service's image has it

    data.text("channel")
    return records._PARSERS["ballots.BallotAccepted.v2"](data)


def main() -> None:
    """Declare the version, as the next release's sources would; then let the service's own code run."""
    # Before anything else of the event log is imported: who reads and who writes is decided from this list.
    events.EVENT_CLASSES = (*events.EVENT_CLASSES, NextBallotAccepted)
    service = os.environ["NEXT_RELEASE_OF"]
    if service.startswith("evote_ballot."):
        # In an image no other service has the sources of the one that writes it.
        from evote_ballot.domain import cast

        cast.BallotAccepted = NextBallotAccepted
    if service.startswith("evote_cli."):
        from evote_verify.reading import records

        records._PARSERS["ballots.BallotAccepted.v3"] = next_releases_ballot
    importlib.import_module(service).main()


if __name__ == "__main__":
    sys.exit(main())
