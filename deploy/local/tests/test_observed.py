"""What is seen of processes while a crowd votes: what they use, and the file that says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from evote_local.nodes.processes import ChildProcess, Use, cpu_of_others_s, name_child, uses_of_children
from evote_local.people.observed import (
    Bounds,
    Fault,
    Machine,
    Observed,
    Seen,
    Used,
    is_no_voters,
    is_the_citys,
    read_observed,
)
from evote_local.referendum.watching import used_by

_SPENDS = """
import mmap, time
held = bytearray(b"x" * 30_000_000)
shared = mmap.mmap(-1, 50_000_000)
shared.write(b"x" * 50_000_000)
while time.process_time() < 0.3:
    pass
print("spent", flush=True)
time.sleep(600)
"""
_FAMILY = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def test_what_a_childs_own_children_use_is_the_childs(tmp_path: Path) -> None:
    child = ChildProcess("family", [sys.executable, "-c", _FAMILY, _SPENDS], log_path=tmp_path / "log")
    try:
        child.wait_until(lambda: "spent" in (tmp_path / "log").read_text(), timeout_s=50)
        use = next(use for use in uses_of_children() if use.pid == child.pid)
    finally:
        child.kill()
    assert use.name == "family"
    assert use.cpu_s >= 0.3
    assert 30 <= use.memory_mb < 80
    assert use.shared_mb == pytest.approx(50, rel=0.05)
    assert use.processes == 2


def test_a_child_that_was_started_otherwise_has_the_name_that_it_was_given() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        name_child(child.pid, "the crowd")
        assert "the crowd" in {use.name for use in uses_of_children()}
        child.communicate(b"\n")


def test_what_this_process_and_its_children_use_is_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(user=5000.0, nice=10.0, system=100.0, steal=5.0, idle=9000.0, iowait=70.0)
    monkeypatch.setattr("psutil.cpu_times", lambda: machine)
    before = cpu_of_others_s([])
    assert 4000 < before < 5115, "what this process has done is taken off, and a processor that waits does nothing"
    subprocess.run([sys.executable, "-c", _SPENDS.partition("print")[0]], check=True)
    ended = cpu_of_others_s([])
    assert ended <= before - 0.3, "nor is what a child used that has ended"
    assert cpu_of_others_s([Use("auth", 1, 7.0, 0.0, 0.0, 1)]) <= ended - 7
    machine.steal += 2
    assert cpu_of_others_s([]) > ended, "another machine's"


def test_the_file_keeps_each_look_and_the_last_word_on_each_fault(tmp_path: Path) -> None:
    bounded = Used(2.0, 3.0, 5, 6.0, Bounds(7, 8.0))
    path, processes = tmp_path / "observed", {"tally": Used(2.0, 3.0), "PostgreSQL": bounded}
    look, alone = Seen(1.0, processes, {"tally": 4.0}, Machine(2, 5.0)), Seen(2.0, {})
    with path.open("w") as file:
        observed = Observed(file)
        for what in (look, alone, Fault("Kafka", 2.0, None), Fault("Kafka", 2.0, 9.0), Fault("Kafka", 20.0, None)):
            observed.add(what)
        file.write('{"at": 5')  # the writer is at it
    assert read_observed(path) == ([look, alone], [Fault("Kafka", 2.0, 9.0), Fault("Kafka", 20.0, None)])


def test_what_processes_share_is_memory_like_any_other_where_no_setting_bounds_it() -> None:
    alike = [Use("kafka", 1, 2.0, 30.0, 50.0, 1), Use("kafka", 2, 2.0, 10.0, 5.0, 3)]
    assert used_by(alike, 4.0, None) == Used(4.0, 95.0, 4, 55.0)
    assert used_by(alike, 4.0, Bounds(9, 60.0)) == Used(4.0, 40.0, 4, 55.0, Bounds(9, 60.0))


def test_stand_ins_and_those_whom_others_run_are_not_the_citys() -> None:
    names = ["ballot-1", "witness-1", "anvil", "crowd", "PostgreSQL", "test-authority"]
    assert [name for name in names if is_the_citys(name)] == ["ballot-1", "PostgreSQL"]
    assert [name for name in names if not is_no_voters(name)] == ["crowd"]
