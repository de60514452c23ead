"""Why officers' signatures don't hold, said to an auditor."""

from __future__ import annotations

from evote_officers.commands import CommandOfAnother, CommandRefused, NotEntitled, PersonsMissing


def why_refused(error: CommandRefused) -> str:
    """One line, for who holds a roster of their own."""
    match error:
        case NotEntitled():
            return f"{error.person} is not on your roster with that key, for this, at that time"
        case PersonsMissing():
            return f"it takes {error.needed} persons, and {error.given} signed"
        case CommandOfAnother():
            return f"it was signed for another {error.field}"
        case _:
            return "what stands there are no signatures of one command"
