"""What makes a run's figures say less: others on its machine, and a client that was late itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LATEST_ARRIVAL_S: Final = 1.0
"""A client that lets somebody in later than that measures itself."""
_QUIET_SHARE: Final = 0.05
"""Of the machine's processors: where others used no more, it was quiet."""


@dataclass(frozen=True)
class Others:
    """What a machine's processors did that was neither the deployment nor the crowd."""

    cores: float
    """In the phase in which it was most, by its time."""
    of_cores: int
    """So many the machine has."""


def cautions(latest_arrival_s: float, others: Others | None) -> Iterator[str]:
    """What there is to say, a line of Markdown each; ``others`` is None where nobody looked."""
    if others is not None:
        used = f"others on the machine used {others.cores:.2f} of its {others.of_cores} cores meanwhile"
        most = _QUIET_SHARE * others.of_cores
        if others.cores > most:
            yield f"**Not quiet**: {used}, and on a quiet one at most {most:.2g}. These figures are a busy machine's."
        else:
            yield f"Quiet: {used}."
    if latest_arrival_s > LATEST_ARRIVAL_S:
        yield (
            f"**Client late**: its latest arrival came {latest_arrival_s:.2f} s after the planned moment, over "
            f"{LATEST_ARRIVAL_S:g} s; so the latencies of this run say little of the services."
        )
