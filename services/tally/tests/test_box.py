"""When the ballot box is complete."""

from __future__ import annotations

from evote_tally.domain.counting import CloseMarker, box_complete_at
from hypothesis import given
from hypothesis import strategies as st


def test_an_unlogged_marker_keeps_the_box_open() -> None:
    assert box_complete_at((CloseMarker(0, 2, 4), CloseMarker(1, 2, None))) is None


def test_a_partition_without_a_marker_keeps_the_box_open() -> None:
    assert box_complete_at((CloseMarker(0, 3, 4), CloseMarker(2, 3, 9))) is None


def test_without_markers_the_box_is_open() -> None:
    assert box_complete_at(()) is None


def test_the_first_logged_marker_of_a_partition_decides() -> None:
    markers = (CloseMarker(0, 2, 7), CloseMarker(0, 2, 12), CloseMarker(1, 2, 9))
    assert box_complete_at(markers) == 9


@given(st.permutations([CloseMarker(p, 3, i) for p, i in ((0, 5), (0, 8), (1, 6), (2, 3), (2, None))]))
def test_the_order_in_which_markers_arrive_changes_nothing(markers: list[CloseMarker]) -> None:
    assert box_complete_at(tuple(markers)) == 6


@given(st.lists(st.builds(CloseMarker, st.integers(0, 2), st.just(3), st.integers(0, 50)), max_size=12))
def test_more_markers_never_move_a_complete_box_to_a_later_index(markers: list[CloseMarker]) -> None:
    complete = box_complete_at(tuple(markers))
    if complete is not None:
        later = (*markers, *(CloseMarker(partition, 3, 99) for partition in range(3)))
        assert box_complete_at(later) == complete
