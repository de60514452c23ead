"""What is said while a crowd votes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .arrivals import Phase
from .crowd import CAST, Sample
from .rush import REFUSED, UNANSWERED


@dataclass
class Progress:
    """A line every so often: how far the run is, and what people saw since the last one."""

    phases: Sequence[Phase]
    every_s: float
    say: Callable[[str], None]
    casts: int = 0
    _since: list[float] = field(default_factory=list)
    _refused: int = 0
    _failed: int = 0
    _next_s: float = 0

    def take(self, sample: Sample) -> None:
        """Something was waited for."""
        if sample.fault is not None:
            self._failed += 1
        elif sample.name == CAST:
            self.casts += 1
            self._since.append(sample.seconds)
        elif sample.name in (REFUSED, UNANSWERED):
            self._refused += 1

    def look(self, at_s: float) -> None:
        """Say a line if it is time; ``at_s`` since the start."""
        if at_s < self._next_s:
            return
        self._next_s = at_s + self.every_s
        last = self.phases[-1]
        phase = next((one for one in self.phases if at_s < one.begins_s + one.seconds + one.settles_s), last)
        ordered = sorted(self._since)
        slow = f"p95 {ordered[int(0.95 * (len(ordered) - 1))] * 1000:.0f} ms" if ordered else "no receipt"
        self.say(
            f"{at_s:6.0f} s of {last.begins_s + last.seconds:.0f}  {phase.name:<10} {self.casts:6} receipts; "
            f"since the last line {len(ordered)}, {slow}, {self._refused} refused, {self._failed} failed"
        )
        self._since, self._refused, self._failed = [], 0, 0
