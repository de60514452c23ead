"""The command line that every service has: serve, migrate, replay, openapi, and what is its own."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI
from pydantic import ValidationError


@dataclass(frozen=True)
class OwnCommand:
    """A subcommand that one service has beside the common ones."""

    help: str
    run: Callable[[argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], object] = lambda _: None


@dataclass(frozen=True)
class Commands:
    """What the subcommands do; the numbers are exit statuses."""

    serve: Callable[[], int]
    migrate: Callable[[], int]
    replay: Callable[[], int]
    openapi: Callable[[], FastAPI]
    """Makes the app without settings: its lifespan is never entered."""
    own: Mapping[str, OwnCommand] = field(default_factory=dict)


def run(program: str, commands: Commands, arguments: Sequence[str] | None = None) -> int:
    """Run the subcommand that ``arguments`` (by default the process's) ask for; its exit status.

    Settings that are missing or wrong give status 2 and one line for each, without any value.
    """
    parser = argparse.ArgumentParser(prog=program, description="Settings come from EVOTE_… variables.")
    subcommands = parser.add_subparsers(dest="command", required=True)
    subcommands.add_parser("serve", help="serve HTTP and follow the event log")
    subcommands.add_parser("migrate", help="bring the database schema up to date")
    subcommands.add_parser("replay", help="empty the projection and make it again from the event log")
    subcommands.add_parser("openapi", help="print the OpenAPI document")
    for name, own in commands.own.items():
        own.add_arguments(subcommands.add_parser(name, help=own.help))
    parsed = parser.parse_args(arguments)
    command = parsed.command
    try:
        if command == "openapi":
            json.dump(commands.openapi().openapi(), sys.stdout, indent=2, sort_keys=True)
            sys.stdout.write("\n")
            return 0
        if command in commands.own:
            return commands.own[command].run(parsed)
        return {"serve": commands.serve, "migrate": commands.migrate, "replay": commands.replay}[command]()
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in fault["loc"]).upper()
            print(f"{program}: setting EVOTE_{name}: {fault['msg']}", file=sys.stderr)
        return 2
