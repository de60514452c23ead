"""The ``evote`` program."""

from __future__ import annotations

import sys

import typer
from evote_tlog.display import visible_lines
from rich.console import Console

from . import (
    audit_commands,
    command_commands,
    election_commands,
    face_commands,
    front_commands,
    officer_commands,
    roll_commands,
    trustee_commands,
    wall_commands,
)
from .errors import CommandFailed

app = typer.Typer(
    help="つくば電子投票：選挙事務、立会人、監査人のためのプログラム。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(election_commands.app, name="election")
app.add_typer(roll_commands.app, name="roll")
app.add_typer(officer_commands.app, name="officer")
app.add_typer(command_commands.app, name="command")
app.add_typer(face_commands.app, name="face")
app.add_typer(front_commands.app, name="front")
app.add_typer(wall_commands.app, name="wall")
app.add_typer(trustee_commands.app, name="trustee")
app.add_typer(audit_commands.app, name="audit")


def main() -> None:
    """Run the program; what goes wrong is told in one message, with the exit status of its kind."""
    try:
        app()
    except CommandFailed as error:
        Console(stderr=True).print(visible_lines(str(error)), style="red", markup=False, highlight=False)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
