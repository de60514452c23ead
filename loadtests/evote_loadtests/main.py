"""`evote-load`: let a crowd vote at a deployment, and write what they saw.

Exit status: 0 all is well, 1 something went wrong (or, with --strict, a goal was missed), 2 the target can't be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from evote_local.people.target import Target, TargetUnreadable, read_target
from evote_local.people.voters import Voter
from locust.env import Environment
from locust.html import get_html_report

from .arrivals import PROFILES
from .crowd import write_kept
from .figures import faults_of, figures_of, goals_missed, save, table
from .street import Outcome, Plan, Street, let_in


def main() -> int:
    """Run it; returns the exit status."""
    arguments = _arguments()
    try:
        target, cards = read_target(arguments.target)
        baseline = json.loads(arguments.baseline.read_text()) if arguments.baseline else None
    except (TargetUnreadable, OSError, ValueError) as error:
        print(f"evote-load: {error}", file=sys.stderr)
        return 2
    voters = [Voter(number, card) for number, card in enumerate(cards)]
    plan = plan_of(arguments.profile, len(voters), arguments.again, arguments.seconds, Random())  # noqa: S311
    outcome = Outcome()
    environment = Environment(user_classes=[_street(target, voters, plan, arguments.beforehand, outcome)])
    let_in(environment)
    figures = figures_of(
        environment.stats,
        outcome,
        profile=arguments.profile,
        voters=len(voters),
        visits=len(plan.visits),
        seconds=arguments.seconds,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    save(figures, arguments.out / "figures.json")
    page = get_html_report(environment, show_download_link=False)  # type: ignore[no-untyped-call]
    (arguments.out / "report.html").write_text(page)
    (arguments.out / "casts.jsonl").write_text(write_kept(outcome.kept))
    text = "\n".join(table(figures, baseline))
    (arguments.out / "report.md").write_text(text + "\n")
    print(text)
    faults = list(faults_of(figures, outcome))
    missed = list(goals_missed(environment.stats, figures))
    for line in [*(f"FAILED {fault}" for fault in faults), *(f"goal missed: {line}" for line in missed)]:
        print(line)
    return 1 if faults or (arguments.strict and missed) else 0


def plan_of(profile: str, voters: int, again: float, seconds: float, random: Random) -> Plan:
    """Everybody comes once, and the share ``again`` of them a second time."""
    shape = PROFILES[profile]
    visits = voters + round(voters * again)
    junk = round(visits * shape.junk_per_voter)
    return Plan(shape.arrivals(visits, seconds, random), shape.arrivals(junk, seconds, random))


def _street(target: Target, voters: Sequence[Voter], plan: Plan, beforehand: bool, outcome: Outcome) -> type[Street]:
    given = {"target": target, "voters": voters, "plan": plan, "beforehand": beforehand, "outcome": outcome}
    return type("Voters", (Street,), {**given, "abstract": False})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evote-load", description=__doc__)
    parser.add_argument("--target", type=Path, required=True, help="the folder of the deployment (loadtests/README.md)")
    parser.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        default="constant",
        help="; ".join(f"{name}: {profile.says}" for name, profile in PROFILES.items()),
    )
    parser.add_argument("--seconds", type=_positive, default=60, help="how long the polls are open, compressed")
    parser.add_argument(
        "--again", type=_share, default=0.033, help="the share who cast once more (3.3 %% as in Estonia 2023)"
    )
    parser.add_argument(
        "--beforehand",
        action="store_true",
        help="credentials are released and first ballots encrypted before anybody comes: a cast alone is measured",
    )
    parser.add_argument("--out", type=Path, default=Path("load-out"), help="where the report is written")
    parser.add_argument("--baseline", type=Path, help="figures.json of an earlier run, to compare with")
    parser.add_argument("--strict", action="store_true", help="a goal that is missed is a failure")
    return parser.parse_args()


def _positive(text: str) -> float:
    seconds = float(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError("more than 0 seconds are needed")
    return seconds


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a share is between 0 and 1")
    return share


if __name__ == "__main__":
    sys.exit(main())
