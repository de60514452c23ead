"""Token buckets: at most so many requests for each key, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from .problems import Problem

_MOST_KEYS = 100_000


@dataclass
class _Bucket:
    tokens: float
    updated_s: float


class RateLimit:
    """``burst`` requests at once and ``per_minute`` on average for each key.

    Limits are a replica's own. When more keys are seen than fit, the one that was idle longest is forgotten, which
    only ever allows more.
    """

    def __init__(self, *, per_minute: int, burst: int, monotonic: Callable[[], float]) -> None:
        """``monotonic`` gives seconds that never go back."""
        self._rate_s = per_minute / 60
        self._burst = burst
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one request; raises ``Problem`` 429 with Retry-After when the key has used up its share."""
        now = self._monotonic()
        bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
        self._buckets[key] = bucket
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.updated_s) * self._rate_s)
        bucket.updated_s = now
        if bucket.tokens < 1:
            wait_s = max(1, round((1 - bucket.tokens) / self._rate_s + 0.5))
            raise Problem(
                "rate-limited",
                "Too many requests",
                429,
                f"Wait {wait_s} s and try again.",
                headers={"Retry-After": str(wait_s)},
            )
        bucket.tokens -= 1
