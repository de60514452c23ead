"""`evote-local`: the commands behind `make demo`, `make load`, `make up` and its kin, and a card to look with."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from evote_tlog.display import visible_lines
from rich.console import Console

from .nodes.processes import ProcessFailed
from .referendum import breaking, demo, inserting, load, standing
from .referendum.final_anchor import NotAnchored


def main() -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="evote-local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, does in (
        ("demo", "hold a whole mock referendum, verify it and stop"),
        ("up", "start everything with an open referendum in the background"),
        ("stand", "what `up` runs: start everything and stay until SIGTERM"),
    ):
        command = commands.add_parser(name, help=does)
        command.add_argument("--voters", type=_count, default=300)
        command.add_argument("--group", choices=("Ed25519", "BELENIOS-2048"), default="Ed25519")
        if name != "demo":
            command.add_argument("--photo", type=Path, help="a face, for a voter who may come by voting code")
    crowd = commands.add_parser("load", help="hold a referendum whose voters are a load test's crowd")
    crowd.add_argument("--voters", type=_count, default=300)
    crowd.add_argument("--group", choices=("Ed25519", "BELENIOS-2048"), default="Ed25519")
    crowd.add_argument("--out", type=Path, default=Path("load-out"))
    crowd.add_argument("--phone", type=_share, default=0, help="the share of the voters who come by phone")
    crowd.add_argument("--face", type=_share, default=0, help="the share of the voters who come by code and face")
    crowd.add_argument(
        "--poses", type=Path, default=Path(".cache/poses"), help="with --face: whose, a PNG of each pose (make load)"
    )
    crowd.add_argument("--faults", default="", help="parts to kill meanwhile, such as 'kafka@30+10 ballot-2@50'")
    crowd.add_argument("options", nargs="*", help="after --: what evote-load is told, such as --profile last-minutes")
    commands.add_parser("status", help="show how each service that `up` started is; 1: one of them isn't well")
    restart = commands.add_parser("restart", help="stop a service that `up` started, if it runs, and start it again")
    restart.add_argument("service")
    commands.add_parser("down", help="stop what `up` started")
    card = commands.add_parser("card", help="insert an emulated card into a virtual reader until Ctrl-C")
    card.add_argument("--file", type=Path, required=True, help="the card, whose retry counters are kept there")
    card.add_argument("--host", default=inserting.READER_HOST)
    card.add_argument("--port", type=int, default=inserting.READER_PORT)
    arguments = parser.parse_args()
    if arguments.command == "load" and arguments.phone + arguments.face > 1:
        parser.error("the shares of --phone and --face are more than all together")
    # A shell that starts us in the background has SIGINT ignored, and Python leaves it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # SIGTERM unwinds like Ctrl-C, so that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console()
    try:
        return _run(arguments, console)
    except KeyboardInterrupt:
        console.print("中断しました / interrupted; everything has been stopped")
        return 130
    except (
        ProcessFailed,
        demo.DemoFailed,
        load.LoadFailed,
        breaking.FaultUnreadable,
        NotAnchored,
        standing.StandingFailed,
        inserting.CardNotInserted,
    ) as error:
        console.print(f"失敗しました / failed: {visible_lines(str(error))}", markup=False, style="red")
        return 1


def _run(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.command == "demo":
        demo.run_demo(voters=arguments.voters, group=arguments.group, output=Path("demo-out"), console=console)
    elif arguments.command == "up":
        standing.start_in_background(
            voters=arguments.voters, group=arguments.group, photo=arguments.photo, console=console
        )
    elif arguments.command == "stand":
        standing.stand(voters=arguments.voters, group=arguments.group, photo=arguments.photo, console=console)
    elif arguments.command == "load":
        load.run_load(
            voters=arguments.voters,
            group=arguments.group,
            phone=arguments.phone,
            face=arguments.face,
            poses=arguments.poses,
            faults=arguments.faults,
            options=arguments.options,
            output=arguments.out,
            console=console,
        )
    elif arguments.command == "card":
        inserting.insert_card(arguments.file, host=arguments.host, port=arguments.port, console=console)
    elif arguments.command == "status":
        return 0 if standing.show(console=console) else 1
    elif arguments.command == "restart":
        standing.restart(arguments.service, console=console)
    else:
        standing.stop(console=console)
    return 0


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a share is between 0 and 1")
    return share


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one voter is needed")
    return count


if __name__ == "__main__":
    sys.exit(main())
