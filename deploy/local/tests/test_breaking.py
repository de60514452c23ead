"""Parts of a stack are broken as planned while a crowd votes, and it is said from when to when."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from evote_local.people.observed import Observed, read_observed
from evote_local.referendum.breaking import Breaker, FaultUnreadable, Planned, parse_faults

PARTS = ["kafka", "ballot-1"]


class Broken:
    """A part that keeps what happens to it."""

    def __init__(self, story: list[str], name: str) -> None:
        self.story, self.name = story, name

    def kill(self) -> None:
        self.story.append(f"{self.name} killed")

    def start(self) -> None:
        self.story.append(f"{self.name} started")


def test_faults_are_read_in_the_order_of_their_time() -> None:
    assert parse_faults("ballot-1@40 kafka@2.5+10", PARTS) == [Planned("kafka", 2.5, 10), Planned("ballot-1", 40, 5)]
    assert parse_faults("", PARTS) == []


@pytest.mark.parametrize("text", ["kafka", "kafka@", "kafka@x", "kafka@1+", "zookeeper@1", "kafka@1,ballot-1@2"])
def test_what_is_no_fault_is_refused_with_the_word_that_is_none(text: str) -> None:
    with pytest.raises(FaultUnreadable) as refused:
        parse_faults(text, PARTS)
    assert refused.value.text == text
    assert "kafka@30+10" in str(refused.value)


def test_each_part_comes_back_before_the_next_one_goes_and_its_time_is_told(tmp_path: Path) -> None:
    story: list[str] = []
    over = threading.Event()

    def well() -> None:
        story.append("well")
        if story.count("well") == 2:
            over.set()

    with (tmp_path / "observed").open("w") as file:
        planned = [Planned("kafka", 0, 0), Planned("ballot-1", 0, 0)]
        breaker = Breaker(planned, {name: Broken(story, name) for name in PARTS}, Observed(file), well)
        breaker.begin()
        assert over.wait(50)
        breaker.end()
    assert story == ["kafka killed", "kafka started", "well", "ballot-1 killed", "ballot-1 started", "well"]
    _, faults = read_observed(tmp_path / "observed")
    assert [fault.name for fault in faults] == ["kafka killed for 0 s", "ballot-1 killed for 0 s"]
    assert all(fault.ended is not None and fault.ended >= fault.begun for fault in faults)
    assert breaker.left == []


def test_what_the_crowd_does_not_stay_for_is_left(tmp_path: Path) -> None:
    story: list[str] = []
    with (tmp_path / "observed").open("w") as file:
        late = Planned("kafka", 600, 0)
        breaker = Breaker([late], {"kafka": Broken(story, "kafka")}, Observed(file), lambda: None)
        breaker.begin()
        breaker.end()
    assert (breaker.left, story) == ([late], [])


def test_a_part_that_does_not_come_back_fails_the_run(tmp_path: Path) -> None:
    asked = threading.Event()

    def unwell() -> None:
        asked.set()
        raise TimeoutError("not well")

    with (tmp_path / "observed").open("w") as file:
        breaker = Breaker([Planned("kafka", 0, 0)], {"kafka": Broken([], "kafka")}, Observed(file), unwell)
        breaker.begin()
        assert asked.wait(50)
        with pytest.raises(TimeoutError):
            breaker.end()
    _, faults = read_observed(tmp_path / "observed")
    assert [fault.ended for fault in faults] == [None]
