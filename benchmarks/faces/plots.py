"""The two plots of the report."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import matplotlib as mpl
import numpy as np

from .statistics import Comparisons

mpl.use("Agg")
# The same figures give the same bytes.
mpl.rcParams["svg.hashsalt"] = "evote"
from matplotlib import pyplot as plt  # noqa: E402 - after the backend is chosen

_TICKS = (0.01, 0.05, 0.2, 0.5, 0.8)


def plot_distances(comparisons: Comparisons, threshold: float, path: Path) -> None:
    """Both distributions, and the recommended threshold between them."""
    figure, axes = plt.subplots(figsize=(7, 3.2))
    bins = np.linspace(0, max([0.3, *comparisons.genuine, *comparisons.impostor]), 40)
    axes.hist(comparisons.genuine, bins, label=f"same person ({len(comparisons.genuine)})", alpha=0.8)
    axes.hist(comparisons.impostor, bins, label=f"different persons ({len(comparisons.impostor)})", alpha=0.6)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold}")
    axes.set(xlabel="cosine distance of two templates", ylabel="pairs")
    axes.legend()
    _save(figure, path)


def plot_det(by_condition: dict[str, Comparisons], path: Path) -> None:
    """Detection error trade-off on normal deviate axes; errors below one trial are drawn at half a trial."""
    figure, axes = plt.subplots(figsize=(6, 5.4))
    for name, found in by_condition.items():
        if not found.genuine or not found.impostor:
            continue
        thresholds = np.unique([*found.genuine, *found.impostor])
        matches = [_deviate(found.fmr(t).errors, len(found.impostor)) for t in thresholds]
        misses = [_deviate(found.fnmr(t).errors, len(found.genuine)) for t in thresholds]
        axes.step(matches, misses, where="post", label=name)
    places = [NormalDist().inv_cdf(tick) for tick in _TICKS]
    labels = [f"{tick:.0%}" for tick in _TICKS]
    axes.set_xticks(places, labels)
    axes.set_yticks(places, labels)
    axes.set(xlabel="false match rate", ylabel="false non-match rate")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    _save(figure, path)


def _deviate(errors: int, trials: int) -> float:
    return NormalDist().inv_cdf(min(max(errors, 0.5), trials - 0.5) / trials if trials > 1 else 0.5)


def _save(figure: plt.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
