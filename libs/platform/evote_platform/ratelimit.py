"""Token buckets by key, in memory: each replica bounds its own share."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable


class TokenBucket:
    """Lets each key through ``burst`` times at once and ``rate_per_s`` times a second after that.

    Memory is bounded: beyond ``max_keys`` the key that was quiet for longest is forgotten, whose
    bucket is the nearest to full.
    """

    def __init__(
        self,
        rate_per_s: float,
        burst: int,
        *,
        max_keys: int = 100_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``monotonic`` answers in seconds."""
        if rate_per_s <= 0 or burst < 1 or max_keys < 1:
            raise ValueError("rate, burst and the number of keys must be positive")
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._max_keys = max_keys
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, as of when

    def take(self, key: str) -> float:
        """Take one token: 0 when the key may go on, otherwise the seconds until it may (nothing taken)."""
        now = self._monotonic()
        tokens, since = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - since) * self._rate_per_s)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._rate_per_s

    def give_back(self, key: str) -> None:
        """Undo a :meth:`take` that let the key through; a key whose bucket is full again is forgotten."""
        tokens, since = self._buckets.get(key, (float(self._burst), 0.0))
        now = self._monotonic()
        if tokens + 1 + (now - since) * self._rate_per_s >= self._burst:
            self._buckets.pop(key, None)
        else:
            self._buckets[key] = (tokens + 1, since)

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._buckets)


_HOST_BITS_OF_A_SUBSCRIBER = 64


def address_key(host: str) -> str:
    """What an address is limited by: an IPv4 address itself, of an IPv6 address its /64.

    A subscriber is given a whole /64 (RFC 6177), and could ask from another of its addresses each time.
    """
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if (mapped := address.ipv4_mapped) is not None:
        return str(mapped)
    return str(ipaddress.IPv6Network((int(address) >> _HOST_BITS_OF_A_SUBSCRIBER << _HOST_BITS_OF_A_SUBSCRIBER, 64)))


def per_minute(count: int) -> TokenBucket:
    """A bucket for ``count`` requests a minute, all of which may come at once."""
    return TokenBucket(count / 60, count)
