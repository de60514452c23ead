from __future__ import annotations

from evote_platform.ratelimit import TokenBucket, address_key
from hypothesis import given
from hypothesis import strategies as st


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_has_its_burst_and_then_its_rate() -> None:
    watch = Watch()
    bucket = TokenBucket(2.0, 3, monotonic=watch)
    assert [bucket.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.take("b") == 0
    watch.now = 0.5
    assert [bucket.take("a") for _ in range(2)] == [0, 0.5]


def test_what_is_given_back_may_be_taken_again() -> None:
    watch = Watch()
    bucket = TokenBucket(1.0, 2, monotonic=watch)
    for _ in range(5):
        assert bucket.take("a") == 0
        bucket.give_back("a")
        assert len(bucket) == 0, "nothing is kept of who used up nothing"
    assert [bucket.take("a") for _ in range(3)] == [0, 0, 1]
    bucket.give_back("a")
    assert [bucket.take("a") for _ in range(2)] == [0, 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=80))
def test_no_key_ever_passes_more_often_than_its_burst_and_rate_allow(steps: list[tuple[str, float]]) -> None:
    watch = Watch()
    bucket = TokenBucket(1.5, 4, monotonic=watch)
    passed: dict[str, list[float]] = {}
    for key, pause in steps:
        watch.now += pause
        if bucket.take(key) == 0:
            passed.setdefault(key, []).append(watch.now)
    for moments in passed.values():
        for first in range(len(moments)):
            for last in range(first, len(moments)):
                span = moments[last] - moments[first]
                assert last - first + 1 <= 4 + 1.5 * span + 1e-6


def test_memory_is_bounded_and_the_quietest_key_is_forgotten() -> None:
    watch = Watch()
    bucket = TokenBucket(0.001, 1, max_keys=100, monotonic=watch)
    for number in range(1000):
        bucket.take(str(number))
    assert len(bucket) == 100
    assert bucket.take("999") > 0
    assert bucket.take("0") == 0


def test_an_address_is_itself_in_ipv4_and_its_64_in_ipv6() -> None:
    assert address_key("192.0.2.1") == "192.0.2.1" == address_key("::ffff:192.0.2.1")
    assert address_key("192.0.2.1") != address_key("192.0.2.2")
    assert address_key("2001:db8::1") == address_key("2001:DB8::ffff:ffff:ffff:ffff") == "2001:db8::/64"
    assert address_key("fe80::1%eth0") == "fe80::/64"
    assert address_key("2001:db8:0:1::1") != address_key("2001:db8::1")
    assert address_key("") == "", "of a client without one"
