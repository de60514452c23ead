"""Percentiles of what a client saw, by the nearest-rank method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Percentiles:
    """Latencies in milliseconds over ``count`` requests."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def percentiles(latencies_s: Sequence[float]) -> Percentiles:
    """Nearest-rank percentiles of latencies in seconds; ``ValueError`` when there are none."""
    if not latencies_s:
        raise ValueError("no request was measured")
    ordered = sorted(latencies_s)

    def rank(percent: float) -> float:
        return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] * 1000

    return Percentiles(len(ordered), rank(50), rank(95), rank(99), ordered[-1] * 1000)
