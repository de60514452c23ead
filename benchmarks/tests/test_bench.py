"""Ratios to a reference of the same run: another machine changes none, and a slower piece of work is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from evote_belenios import native

from ..bench import Work, figures_of, measure_s, reference, works
from ..performance import slower_than


def named() -> dict[str, Work]:
    return {"hash": lambda: "hash", "sign": lambda: "sign"}


def measured(speed: float, times: dict[str, float]) -> Callable[[Work], float]:
    """As a machine would that takes so much time for each piece of work."""

    def measure(work: Work) -> float:
        return speed * (1.0 if work is reference else times[str(work())])

    return measure


def test_a_machine_that_is_half_as_fast_gives_the_same_ratios() -> None:
    times = {"hash": 0.5, "sign": 3.0}
    quick, slow = (figures_of(named(), measured(speed, times), rounds=3) for speed in (1.0, 2.0))
    assert [figure.ratio for figure in quick.values()] == pytest.approx([0.5, 3.0])
    assert [figure.ratio for figure in slow.values()] == pytest.approx([0.5, 3.0])
    assert slow["sign"].ms == pytest.approx(2 * quick["sign"].ms)


def test_what_takes_over_15_percent_more_is_slower_and_the_worst_comes_first() -> None:
    now = {"hash": 1.2, "sign": 2.0, "read": 1.14, "new": 99.0}
    assert list(slower_than(dict.fromkeys(("hash", "sign", "read"), 1.0), now).items()) == [
        ("sign", 2.0),
        ("hash", 1.2),
    ]


def test_a_piece_of_work_is_repeated_until_the_clock_can_tell() -> None:
    ticks = iter([0.0, 0.1, 0.21])
    assert measure_s(lambda: None, lambda: next(ticks)) == pytest.approx(0.105)


def test_each_piece_of_work_can_be_done(tmp_path: Path) -> None:
    """The figures of a release are taken once: what another benchmark changes must not be found out then."""
    named = dict(works(tmp_path))
    for work in named.values():
        work()
    assert {
        "evote-verify of 100 ballots, Ed25519",
        "100 ballots examined, Ed25519",
        "a cast's event read",
    } <= named.keys()
    # Twice the same would say of the compiled core what is true of none.
    assert ("the same by the Python reference, Ed25519" in named) == (native.core is not None)


def test_without_a_core_nothing_is_said_of_the_reference_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "core", None)
    assert not any("by the Python reference" in name for name, _ in works(tmp_path))
