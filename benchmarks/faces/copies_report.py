"""``docs/biometrics/copies.md``: how copies are told from new frames, in tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from evote_biometric.domain.copies import COPIED, COPIED_SHARE

from .copies import Distances

_THRESHOLDS = (0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012)


def render_copies(sources: Sequence[Distances]) -> str:
    """The whole file."""
    return "\n\n".join([_HEAD, *map(_source, sources), _LIMITS]) + "\n"


def _refused(bursts: Sequence[Sequence[float]], threshold: float) -> int:
    return sum(sum(gap < threshold for gap in burst) >= len(burst) * COPIED_SHARE for burst in bursts)


def _matching(bursts: Sequence[Sequence[float]], threshold: float) -> str:
    frames = [gap for burst in bursts for gap in burst]
    return f"{sum(gap < threshold for gap in frames)} of {len(frames)}"


def _source(found: Distances) -> str:
    copies = [burst for bursts in found.copies.values() for burst in bursts]
    by_threshold = "\n".join(
        f"| {'**' if t == COPIED else ''}{t:.3f}{'**' if t == COPIED else ''} | {_matching(found.new, t)} | "
        f"{_refused(found.new, t)} of {len(found.new)} | {_matching(copies, t)} | "
        f"{len(copies) - _refused(copies, t)} of {len(copies)} |"
        for t in _THRESHOLDS
    )
    by_change = "\n".join(
        f"| {name} | {np.median(np.concatenate(bursts)):.4f} | {max(map(max, bursts)):.4f} | "
        f"{len(bursts) - _refused(bursts, COPIED)} of {len(bursts)} |"
        for name, bursts in found.copies.items()
    )
    new = np.concatenate([np.asarray(burst) for burst in found.new])
    few, some, half = (f"{np.percentile(new, share):.4f}" for share in (1, 10, 50))
    return f"""## {found.source[0].upper() + found.source[1:]}

{len(found.new)} bursts, {len(new)} frames. 1 in 100 new frames has an earlier one within {few}, 1 in 10 within {some},
half within {half}.

| threshold | new frames taken for copies | new bursts refused | copied frames found | copied bursts that pass |
|---|---|---|---|---|
{by_threshold}

| frames changed by | distance, median | largest | copied bursts that pass |
|---|---|---|---|
{by_change}"""


_HEAD = f"""# How copies of frames are told from new ones

Written by `make eval-copies`. A burst of frames is refused as *replayed* when {COPIED_SHARE:.0%} of its frames are
nearer than **{COPIED}** to frames that the same voter sent in earlier bursts (`domain/copies.py`): encoded anew,
scaled, cut, brightened, in another order, or put together from several bursts. Frames of the same bytes are refused
before anything is read, whoever sent them.

What is compared is a sketch of the face as it is aligned for recognition, 32 × 32 values. The distance is the share of
the earlier face's edges that no small shift, turn, scaling, contrast and brightness of the newer one explain.

It is never asked of two frames alone, nor within one burst: two frames of a still face differ no more than a file does
from the same encoded anew. New bursts below are compared with *all* others of their source together."""

_LIMITS = """## What this can't show

- **Honest bursts of real people who do what was asked, twice, in one place**: no package that we know of ships any. The
  real face talks and moves its head a little, in one sitting; the puppet does what was asked, but its skin never moves,
  so that its frames at rest are nearer to each other than a person's. A trial with residents should count *replayed*.
- **Other changes**: whoever warps or repaints the frames, or mirrors them and waits for the mirrored actions, changes
  more than is looked for. The tables have the changes that tools make by themselves.
- **A face that is drawn anew for each frame** (a deepfake) is no copy of anything. Against it this does nothing.
- **Another voter's frames** aren't compared: they would have to show this voter's face."""
