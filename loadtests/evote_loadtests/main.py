"""`evote-load`: let a crowd vote at a deployment, and write what they saw.

Exit status: 0 all is well, 1 something went wrong (or, with --strict, a goal was missed), 2 the target can't be used.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from evote_local.people.observed import Fault, Seen, read_observed
from evote_local.people.target import TargetUnreadable, face_way, read_credentials, read_letters, read_target
from locust.env import Environment
from locust.html import get_html_report

from . import goals
from .arrivals import PROFILES, Plan, plan_of
from .client import Outcome, Share
from .comparison import compared
from .crowd import Sample, write_lines
from .figures import Figures, Run, faults_of, figures_of, save, table
from .progress import Progress
from .report import page
from .street import Street, let_in

_MENDED_WITHIN_S, _LOOK_AGAIN_S = 200.0, 0.5
_LINES = 30
"""Of progress, over a whole run."""


def main() -> int:
    """Run it; returns the exit status."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        target, cards = read_target(arguments.target)
        if (letters := read_letters(arguments.target)) is not None:
            face_way(arguments.target, target, letters)
        if arguments.goals:
            _need_people(arguments.target, len(cards), goals.RUNS[arguments.goals])
        baseline = json.loads(arguments.baseline.read_text()) if arguments.baseline else None
    except (TargetUnreadable, OSError, ValueError) as error:
        print(f"evote-load: {error}", file=sys.stderr)
        return 2
    random = Random()  # noqa: S311 - simulated people, no secrets
    if arguments.goals:
        plan = goals.plan_of(goals.RUNS[arguments.goals], random)
        people = len(plan.visits)
    else:
        people = len(cards)
        plan = plan_of(arguments.profile, people, arguments.again, arguments.seconds, random)
    _say(f"{people} people get ready{', each with credential and ballot' if arguments.beforehand else ''}")
    environment, run = _vote(arguments, plan, people)
    planned_s = plan.phases[-1].begins_s + plan.phases[-1].seconds
    profile = "goals" if arguments.goals else arguments.profile
    figures = figures_of(run, profile=profile, voters=people, seconds=planned_s)
    return _report(arguments, environment, run, figures, baseline)


def _vote(arguments: argparse.Namespace, plan: Plan, people: int) -> tuple[Environment, Run]:
    clients = arguments.workers
    shares = [
        Share(
            folder=arguments.target,
            plan=plan.share(number, clients, people),
            beforehand=arguments.beforehand,
            rush=bool(arguments.goals),
            clients=clients,
        )
        for number in range(clients)
    ]
    samples: list[Sample] = []
    outcome = Outcome()
    last = plan.phases[-1]
    progress = Progress(plan.phases, max(2.0, (last.begins_s + last.seconds) / _LINES), _say)
    given = {"shares": shares, "samples": samples, "outcome": outcome, "progress": progress, "abstract": False}
    street = type("Voters", (Street,), given)
    environment = Environment(user_classes=[street])
    let_in(environment)
    seen, injected = _observed(arguments.observed) if arguments.observed else ([], [])
    return environment, Run(plan, outcome, samples, seen, injected)


def _report(
    arguments: argparse.Namespace,
    environment: Environment,
    run: Run,
    figures: Figures,
    baseline: Mapping[str, Any] | None,
) -> int:
    reached = list(goals.goals_of(figures)) if arguments.goals else []
    faults = list(faults_of(figures, run))
    held = reached or goals.waits_of(run, figures, arguments.anchored_within)
    missed = [str(goal) for goal in held if not goal.met]
    said = [*(f"FAILED {fault}" for fault in faults), *(f"goal missed: {line}" for line in missed)]
    beside = ["", *compared(figures, reached, baseline)] if baseline else []
    lines = [*table(figures, baseline), *_goals_lines(figures, reached), *beside, "", *said]
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    save(figures, out / "figures.json", goals=[{**asdict(goal), "met": goal.met} for goal in reached], faults=faults)
    locust = get_html_report(environment, show_download_link=False)  # type: ignore[no-untyped-call]
    (out / "locust.html").write_text(locust)
    (out / "report.html").write_text(page(f"Load: {figures.profile}", lines, run))
    (out / "casts.jsonl").write_text(write_lines(run.outcome.kept))
    (out / "posted.jsonl").write_text(write_lines(run.outcome.posted))
    (out / "report.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return 1 if faults or (arguments.strict and missed) else 0


def _goals_lines(figures: Figures, reached: Sequence[goals.Goal]) -> list[str]:
    if not reached:
        return []
    return ["", *goals.table(reached), "", *goals.costs_table(figures), "", *goals.memory_table(figures)]


def _observed(path: Path) -> tuple[list[Seen], list[Fault]]:
    """What was seen; when a part is still broken that its breaker will mend, once it has said so."""
    gives_up_at = time.monotonic() + _MENDED_WITHIN_S
    while True:
        seen, injected = read_observed(path)
        if all(fault.ended is not None for fault in injected) or time.monotonic() > gives_up_at:
            return seen, injected
        time.sleep(_LOOK_AGAIN_S)


def _need_people(folder: Path, cards: int, run: goals.Rates) -> None:
    """Raise :class:`TargetUnreadable` unless the target has those who come for the goals."""
    by_card, ready = goals.people_of(run)
    if cards != by_card:
        raise TargetUnreadable(folder, f"the goals need {by_card} cards, and it has {cards}")
    found = len(read_credentials(folder))
    if found < ready:
        raise TargetUnreadable(folder, f"the goals need {ready} voters who have a credential, and it has {found}")


def _say(line: str) -> None:
    print(line, flush=True)


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
    parser.add_argument(
        "--goals",
        choices=sorted(goals.RUNS),
        help="the run that holds all goals against figures, instead of a profile; short: a trial of it",
    )
    parser.add_argument("--workers", type=_count, default=1, help="how many client processes send the people in")
    parser.add_argument("--observed", type=Path, help="what is seen of the processes meanwhile, for plots and figures")
    parser.add_argument("--out", type=Path, default=Path("load-out"), help="where the report is written")
    parser.add_argument("--baseline", type=Path, help="figures.json of an earlier run, to compare with")
    parser.add_argument(
        "--anchored-within",
        type=_positive,
        default=goals.ANCHORED_WITHIN_S,
        help="the goal of 99 of 100 ballots, in seconds: how often the chain takes a block decides what can be reached",
    )
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


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one is needed")
    return count


if __name__ == "__main__":
    sys.exit(main())
