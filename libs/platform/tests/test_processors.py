from __future__ import annotations

import os
from pathlib import Path

import pytest
from evote_platform.processors import usable_processors


def machine(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    """The part of a machine's ``/proc`` and ``/sys`` that tells of processors."""
    for name, text in {"proc/self/cgroup": cgroup, **{f"sys/fs/cgroup/{file}": files[file] for file in files}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("cgroup", "files", "processors"),
    [
        ("0::/", {"cpu.max": "max 100000"}, 8),
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "150000 100000"}, 1),
        ("0::/", {"cpu.max": "20000 100000"}, 1),
        ("0::/pod/box", {"pod/cpu.max": "300000 100000", "pod/box/cpu.max": "max 100000"}, 3),
        ("0::/not-mounted/box", {"cpu.max": "400000 100000"}, 4),
        ("4:cpu,cpuacct:/box\n0::/", {"cpu/box/cpu.cfs_quota_us": "500000", "cpu/box/cpu.cfs_period_us": "100000"}, 5),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ("4:cpuset:/", {}, 8),
    ],
)
def test_workers_follow_the_cgroup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cgroup: str, files: dict[str, str], processors: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert usable_processors(machine(tmp_path, cgroup, files)) == processors


def test_workers_follow_the_affinity(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_processors(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)
