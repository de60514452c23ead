"""What two stacks took of a processor in the same seconds, as a table."""

from __future__ import annotations

from benchmarks.bench_cast import Round, lines


def taken(ballot_ms: float, others_ms: float = 1.0) -> Round:
    """100 ballots in ten seconds, of which half a second is what an idle stack takes as well."""
    spent = {"ballot-1": 0.5 + ballot_ms / 10, "Kafka": others_ms / 10, "crowd": 9.0, "witness-1": 9.0}
    return Round(100, 10.0, spent, 4.0, {"ballot-1": 0.2, "Kafka": 0.0})


def test_what_is_spent_without_ballots_and_by_others_than_the_city_is_left_out() -> None:
    rows = lines(["here"], [[taken(4.0), taken(2.0)]])
    assert rows[2:] == ["| all processes | 4.00 |", "| ballot-1 | 3.00 |", "| Kafka | 1.00 |"]


def test_rounds_are_compared_with_those_of_the_same_seconds_however_slow_these_were() -> None:
    first = [taken(4.0), taken(40.0, 10.0), taken(8.0, 2.0)]
    second = [taken(3.0), taken(30.0, 10.0), taken(6.0, 2.0)]
    ballot = next(row for row in lines(["beside", "here"], [first, second]) if "ballot-1" in row)
    assert ballot == "| ballot-1 | 17.33 | 13.00 | 0.750 | 0.750, 0.750, 0.750 |"
