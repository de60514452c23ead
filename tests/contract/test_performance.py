"""docs/performance.md is what the runs in benchmarks/runs say, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from evote_loadtests.arrivals import PROFILES

ROOT = Path(__file__).parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("performance", ROOT / "benchmarks" / "performance.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


performance = _load()
RUNS = performance.read_runs()


def test_the_document_is_written_from_the_runs() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    assert text == performance.document(RUNS), "change benchmarks/runs/*.json, and run make performance"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_each_run_says_how_it_was_taken(run: object) -> None:
    for taken in run.taken:  # type: ignore[attr-defined]
        assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", taken.commit), taken
        assert re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", taken.date), taken
        assert taken.command.startswith(("make ", "python benchmarks/")), taken
        assert taken.machine and taken.load, taken


MEASURED = "0123456789abcdef0123456789abcdef01234567"


def _taken(command: str = "make load-goals", commit: str = MEASURED) -> dict[str, str]:
    return {"command": command, "date": "2026-11-29", "commit": commit, "machine": "2 cores", "load": "0.1 waited"}


def _figures(tmp_path: Path, **changes: object) -> Path:
    post = {"p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": None, "max_ms": 90.0}
    phase = {"name": "steady", "planned": 500, "accepted": 500, "seconds": 10.0, "unavailable": 3, "post": post}
    phase |= {"unanswered": 4, "broken": 0}
    phase["accepted_per_s"] = 25.0
    phase |= {"counted_s": 20.0, "released": 200, "cpu_by_process_s": {"auth": 4.0, "tally": 2.0}}
    tally = [each for each in (10.0, 20.0, 30.0, 40.0) for _ in range(10)]
    phase["memory_mb"] = {"tally": tally, "anvil": [1.0] * 40, "auth": [7.0] * 39}
    idle = {**phase, "name": "idle", "counted_s": 10.0, "cpu_by_process_s": {"auth": 1.0, "tally": 0.5}}
    goal = {"name": "idle stack", "at_most": 0.3, "figure": 0.25, "unit": "cores", "met": True}
    through = [{"first": 2, "last": 2, "visits": {"count": 17, "p50_ms": 4200.0, "p95_ms": 7000.0, "max_ms": 7100.0}}]
    path = tmp_path / "figures.json"
    path.write_text(
        json.dumps(
            {
                "taken": _taken(),
                "goals": [goal],
                "phases": [idle, {**phase, "name": "releases"}, phase],
                "through": through,
                "gave_up": 3,
                "faults": [],
                "latest_arrival_s": 0.2,
                **changes,
            }
        )
    )
    return path


def test_a_run_that_is_kept_stands_in_the_document(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    kept = performance.keep(_figures(tmp_path), runs)
    text = performance.document(performance.read_runs(runs))
    assert "| idle stack | 0.3 cores | 0.25 | met |" in text
    assert "| steady | 50 | 25 | 3 | 4 | 0 | 20 | 40 | - | 90 |" in text
    assert "| 2 | 17 | 4.2 | 7 | 7.1 |\n| gave up | 3 | - | - | - |" in text
    assert "| kB a ballot |\n|---|---|---|---|\n| tally | 20.0 | 20.0 | 80.00 |\n" in text, (
        "of the city's, looked at enough"
    )
    assert "| auth | 10.00 | 4.00 |\n| tally | 5.00 | 2.00 |\n" in text
    assert performance.read_run(kept).taken[0].commit == MEASURED, "not the tree that keeps it"
    assert "- 2026-11-29, commit 012345678, by `make load-goals`, on 2 cores; 0.1 waited" in text


def test_a_server_whose_processes_come_and_go_within_its_settings_has_not_grown(tmp_path: Path) -> None:
    figures = json.loads(_figures(tmp_path).read_text())
    for phase in figures["phases"]:
        phase["memory_mb"] = {"PostgreSQL": [40.0] * 20 + [60.0] * 20}
        bounds = {"processes": 9, "shared_mb": 150.0}
        phase["bounded"] = {"PostgreSQL": {"bounds": bounds, "processes": [4] * 20 + [6] * 20, "shared_mb": [1.0] * 40}}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    performance.keep(tmp_path / "figures.json", tmp_path)
    (tmp_path / "figures.json").unlink()
    assert "| PostgreSQL | 60.0 | 0.0 | 0.00 |" in performance.document(performance.read_runs(tmp_path))


def test_a_run_that_was_looked_at_too_seldom_says_nothing_of_memory(tmp_path: Path) -> None:
    figures = json.loads(_figures(tmp_path).read_text())
    figures["goals"].append({**figures["goals"][0], "name": "memory of tally grows no more"})
    for phase in figures["phases"]:
        phase["memory_mb"] = {"tally": [10.0] * 39}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    performance.keep(tmp_path / "figures.json", tmp_path)
    (tmp_path / "figures.json").unlink()
    text = performance.document(performance.read_runs(tmp_path))
    assert "memory of tally" not in text
    assert "Memory: not judged." in text


def test_changes_that_were_in_no_commit_are_said(tmp_path: Path) -> None:
    performance.keep(_figures(tmp_path, taken=_taken(commit=f"{MEASURED}-dirty")), tmp_path)
    (tmp_path / "figures.json").unlink()
    text = performance.document(performance.read_runs(tmp_path))
    assert "commit 012345678 with changes that are in no commit, by" in text


def test_a_run_whose_tree_nobody_knows_is_not_kept(tmp_path: Path) -> None:
    taken = _taken()
    del taken["commit"]
    with pytest.raises(performance.RunUnreadable, match="commit"):
        performance.keep(_figures(tmp_path, taken=taken), tmp_path)


CONCLUDED = {"acknowledged": 500, "archived": 499, "lost": 1, "unclaimed": 0, "counts": [1, 2, 3]}
CONCLUDED |= {"close_to_result_s": 14.4, "verify_s": 9.1, "faults": ["acknowledged, and not in the archive: 1"]}


def test_what_became_of_the_acknowledged_ballots_stands_behind_the_phases(tmp_path: Path) -> None:
    performance.keep(_figures(tmp_path, concluded=CONCLUDED), runs := tmp_path)
    (tmp_path / "figures.json").unlink()
    text = performance.document(performance.read_runs(runs))
    assert "500 ballots were acknowledged, and 1 of them are not in the archive of 499; close to result 14.4 s" in text
    assert "\n**acknowledged, and not in the archive: 1**\n" in text


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_crowd_of_each_profile_has_a_place_of_its_own(profile: str, tmp_path: Path) -> None:
    taken = _taken(f"make load PROFILE={profile} SECONDS=60 VOTERS=300")
    waited = {"cast to anchored": {"count": 30, "failures": 1, "p50_ms": 900.0, "p95_ms": 1500.0, "p99_ms": 1790.0}}
    waited["cast to anchored"]["max_ms"] = 2100.0
    crowd = {"profile": profile, "voters": 300, "visits": 310, "planned_s": 60.0, "casts": 310, "casts_per_s": 5.1}
    crowd |= {"goals": [], "injected": [], "waited": waited, "concluded": CONCLUDED, "taken": taken, "cast_again": 31}
    kept = performance.keep(_figures(tmp_path, **crowd), tmp_path)
    (tmp_path / "figures.json").unlink()
    text = performance.document(performance.read_runs(tmp_path))
    assert kept.stem == f"load-{profile}"
    assert (
        "300 voters, 310 visits in 60 s; 310 ballots, 5.1 a second, 31 of them (10.0%) of people who had cast before; "
        "the latest arrival came 200 ms late.\n"
    ) in text
    assert "| cast to anchored | 30 | 1 | 900 | 1,500 | 1,790 | 2,100 |" in text
    assert "| steady | 50 | 25 | 3 | 4 | 0 | 20 | 40 | - | 90 |" in text
    assert "500 ballots were acknowledged" in text


def test_each_profile_has_a_kept_run() -> None:
    """A profile that nobody has taken says nothing of the services."""
    kept = {path.stem: performance.read_run(path) for path in performance.RUNS.glob("load-*.json")}
    assert {f"load-{profile}" for profile in PROFILES} <= kept.keys(), "make load PROFILE=…, make performance KEEP=…"
    for name, run in kept.items():
        assert (run.kind, performance._crowd_of(run.content)) == ("load", name)
        assert run.content["concluded"]["lost"] == 0 and run.content["missing"] == 0, name


def test_a_crowd_that_comes_by_face_or_while_parts_are_broken_takes_no_profiles_place(tmp_path: Path) -> None:
    came = {"p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": 50.0, "max_ms": 90.0}
    ways = {"card": (70, 0), "phone": (16, 1), "code and face": (15, 0)}
    waited = {f"{way} to credential": {"count": count, "failures": bad, **came} for way, (count, bad) in ways.items()}
    crowd = {"profile": "constant", "voters": 100, "visits": 100, "planned_s": 60.0, "casts": 99, "casts_per_s": 1.6}
    crowd |= {"goals": [], "injected": [], "waited": waited, "cast_again": 0, "taken": _taken("make load FACE=0.15")}
    crowd["faults"] = ["answered 500, which no fault was injected for: 1 times"]
    assert performance.keep(_figures(tmp_path, **crowd), tmp_path).stem == "load-face"
    crowd |= {"injected": ["kafka killed for 10 s", "ballot-2 killed for 5 s"]}
    kept = performance.keep(_figures(tmp_path, **crowd), tmp_path)
    (tmp_path / "figures.json").unlink()
    assert kept.stem == "load-faults"
    text = performance.document([performance.read_run(kept)])
    assert "Broken on purpose: kafka killed for 10 s, ballot-2 killed for 5 s." in text
    assert "Credentials fetched: by card 70 (70%), by phone 15 (15%), by code and face 15 (15%)." in text
    assert "\n**answered 500, which no fault was injected for: 1 times**\n" in text


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (
            {"others": {"cores": 0.06, "of_cores": 2}},
            "Quiet: others on the machine used 0.06 of its 2 cores meanwhile.",
        ),
        ({"others": {"cores": 0.4, "of_cores": 2}}, "**Not quiet**: others on the machine used 0.40 of its 2 cores"),
        ({"latest_arrival_s": 1.123}, "**Client late**: its latest arrival came 1.12 s after the planned moment"),
    ],
)
def test_a_run_on_a_busy_machine_or_of_a_late_client_is_marked_and_an_older_one_is_as_it_was(
    seen: dict[str, object], line: str, tmp_path: Path
) -> None:
    texts = []
    for changes in ({}, seen):
        kept = performance.keep(_figures(tmp_path, **changes), tmp_path)
        texts.append(performance.document([performance.read_run(kept)]))
    older, text = texts
    assert f"\n\n{line}" in text
    assert not any(word in older.split("## ", 1)[1] for word in ("uiet", "Client late", "others"))


def test_a_run_that_counts_from_the_planned_moment_shows_both_and_says_which_is_which(tmp_path: Path) -> None:
    figures = json.loads(_figures(tmp_path).read_text())
    for phase in figures["phases"]:
        phase["due"] = {"count": 500, "p50_ms": 21.0, "p95_ms": 43.0, "p99_ms": 65.0, "max_ms": 99.0}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    kept = performance.keep(tmp_path / "figures.json", tmp_path)
    text = performance.document([performance.read_run(kept)])
    assert "| planned, p50 ms | planned, p95 ms | planned, p99 ms | planned, max ms | POST, p50 ms |" in text
    assert "| steady | 50 | 25 | 3 | 4 | 0 | 21 | 43 | 65 | 99 | 20 | 40 | - | 90 |" in text
    assert "\nPlanned: from the moment that was planned for the attempt" in text


@pytest.mark.parametrize(
    ("figures", "line"),
    [
        (
            {"verification": "verification", "rows": [{"group": "Ed25519", "what": "evote-verify", "ballots": 1000}]},
            "| Ed25519 | evote-verify | 1,000 | 0.5 | 0.75 | 61 |",
        ),
        (
            {"verify_s": 9.1, "wall_s": 315.7, "voting_s": 258.8, "close_to_result_s": 14.4, "ballots_cast": 12999},
            "| voting, 12,999 ballots of 10,000 voters | 259 |",
        ),
        (
            {
                "bench": "log",
                "blocks": ["Of 3 KB.", {"columns": ["", "entries/s"], "rows": [["both", 7347.2], ["-", None]]}],
            },
            "Of 3 KB.\n\n|  | entries/s |".replace("|  |", "| |") + "\n|---|---|\n| both | 7,347 |\n| - | - |",
        ),
    ],
    ids=["verification", "demo", "tables"],
)
def test_what_the_demo_and_the_verification_wrote_is_kept(figures: dict[str, Any], line: str, tmp_path: Path) -> None:
    for row in figures.get("rows", ()):
        row |= {"seconds": 0.5, "cpu_seconds": 0.75, "megabytes": 61.0}
    post = {"count": 3, "p50_ms": 20.0, "p95_ms": 40.0, "p99_ms": 50.0, "max_ms": 90.0}
    figures = {**figures, "voters": 10000, "cast": post, "logged": post, "anchored": post, "release": None}
    performance.keep(_figures(tmp_path, **{"goals": [], **figures}), runs := tmp_path)
    (tmp_path / "figures.json").unlink()
    assert line in performance.document(performance.read_runs(runs))


@pytest.mark.parametrize(
    ("voters", "group", "name"),
    [(300, "Ed25519", "referendum"), (40, "BELENIOS-2048", "referendum-2048"), (10_000, "Ed25519", "referendum-large")],
)
def test_a_small_demo_does_not_take_the_place_of_a_large_one(
    voters: int, group: str, name: str, tmp_path: Path
) -> None:
    figures = {"goals": [], "verify_s": 9.1, "voters": voters, "group": group}
    assert performance.keep(_figures(tmp_path, **figures), tmp_path).stem == name


def test_a_flood_has_a_place_of_its_own_and_a_trial_none(tmp_path: Path) -> None:
    flood = performance.keep(_figures(tmp_path, taken=_taken("make load-goals TIME=flood")), tmp_path)
    assert flood.name == "goals-flood.json"
    with pytest.raises(performance.RunUnreadable):
        performance.keep(_figures(tmp_path, taken=_taken("make load-goals TIME=short")), tmp_path)


@pytest.mark.parametrize("changes", [{"goals": []}, {"taken": None}])
def test_what_no_command_of_ours_wrote_is_not_kept(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(performance.RunUnreadable):
        performance.keep(_figures(tmp_path, **changes), tmp_path)


def _ratios(tmp_path: Path, version: str = "1", **ratios: float) -> Path:
    figures = {name: {"ms": 1.0, "ratio": ratio} for name, ratio in ratios.items()}
    path = tmp_path / "bench" / "figures.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"taken": _taken("make bench"), "version": version, "figures": figures}))
    return path


def _held(kept: Path) -> dict[str, float]:
    return performance.held_ratios(performance.read_run(kept).content)


def test_a_slower_run_is_kept_only_with_a_reason_which_the_document_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    performance.keep(_ratios(tmp_path, sign=1.0, hash=1.0), tmp_path)
    with pytest.raises(performance.RunSlower, match=r"sign: 2\.90 times"):
        performance.keep(_ratios(tmp_path, sign=2.9, hash=1.0), tmp_path)
    kept = performance.keep(_ratios(tmp_path, sign=2.9, hash=1.0), tmp_path, "Secrets take constant time.")
    assert re.search(r"sign +2\.9000 of the reference +2\.90", capsys.readouterr().out)
    assert _held(kept) == {"sign": 2.9, "hash": 1.0}
    performance.keep(_ratios(tmp_path, sign=2.9, hash=1.0), tmp_path)
    text = performance.document(performance.read_runs(tmp_path))
    assert "Known to be slower since 2026-11-29: sign, 2.90 times. Secrets take constant time." in text


def test_runs_that_are_kept_one_after_the_other_do_not_creep(tmp_path: Path) -> None:
    performance.keep(_ratios(tmp_path, sign=1.0), tmp_path)
    assert _held(performance.keep(_ratios(tmp_path, sign=1.14), tmp_path)) == {"sign": 1.0}
    with pytest.raises(performance.RunSlower):
        performance.keep(_ratios(tmp_path, sign=1.16), tmp_path)
    assert _held(performance.keep(_ratios(tmp_path, version="2", sign=1.14), tmp_path)) == {"sign": 1.14}


def test_a_run_without_a_work_is_kept_only_with_a_reason_which_the_document_shows(tmp_path: Path) -> None:
    """Under another name it would be new, and held against itself."""
    performance.keep(_ratios(tmp_path, sign=1.0, hash=2.0), tmp_path)
    for version in ("1", "2"):
        with pytest.raises(performance.WorksGone, match=r"\(sign\)"):
            performance.keep(_ratios(tmp_path, version, signing=2.9, hash=2.0), tmp_path, "Slower.")
    for _ in range(2):
        kept = performance.keep(_ratios(tmp_path, signing=2.9, hash=2.0), tmp_path, why_gone="It signs, too.")
        assert _held(kept) == {"signing": 2.9, "hash": 2.0}
        text = performance.document(performance.read_runs(tmp_path))
        assert text.count("Measured no more since 2026-11-29: sign, last 1. It signs, too.") == 1


@pytest.mark.parametrize(
    "said", ["", "{}", '{"order": 1, "title": "t", "kind": "guessed", "taken": [], "content": []}']
)
def test_a_file_that_is_no_run_is_named(said: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(said)
    with pytest.raises(performance.RunUnreadable, match=r"run\.json"):
        performance.read_runs(tmp_path)
