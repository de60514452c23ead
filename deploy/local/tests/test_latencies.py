import pytest
from evote_local.people.latencies import percentiles
from hypothesis import given
from hypothesis import strategies as st


def test_percentiles_follow_the_nearest_rank_method() -> None:
    found = percentiles([index / 1000 for index in range(1, 101)])
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms) == pytest.approx((50, 95, 99, 100))


def test_no_request_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(ValueError, match="no request"):
        percentiles([])


@given(st.lists(st.floats(0, 60), min_size=1))
def test_percentiles_are_values_that_were_seen_and_grow(latencies: list[float]) -> None:
    found = percentiles(latencies)
    assert found.p50_ms <= found.p95_ms <= found.p99_ms <= found.max_ms
    assert found.p95_ms in {latency * 1000 for latency in latencies}
