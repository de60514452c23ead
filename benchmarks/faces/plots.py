"""The two plots of the report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import NormalDist

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .statistics import Comparisons, Rate

mpl.use("Agg")
# The same figures give the same bytes.
mpl.rcParams["svg.hashsalt"] = "evote"
from matplotlib import pyplot as plt  # noqa: E402 - after the backend is chosen

_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)
_POINTS = 300
"""Of each kind on a curve: nobody sees more, and a picture of millions can't be opened."""


def plot_distances(comparisons: Comparisons, threshold: float, path: Path) -> None:
    """Both distributions, and the recommended threshold between them."""
    genuine, impostor = comparisons.genuine, comparisons.impostor
    figure, axes = plt.subplots(figsize=(7, 3.2))
    bins = np.linspace(0, max([0.3, *genuine[-1:], *impostor[-1:]]), 40)
    axes.hist(genuine, list(bins), label=f"same person ({len(genuine)})", alpha=0.8, density=True)
    axes.hist(impostor, list(bins), label=f"different persons ({len(impostor)})", alpha=0.6, density=True)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold}")
    axes.set(xlabel="cosine distance of two templates", ylabel="pairs, each kind scaled to 1")
    axes.legend()
    _save(figure, path)


def plot_det(by_condition: Iterable[tuple[str, Comparisons]], path: Path) -> None:
    """Detection error trade-off on normal deviate axes; errors below one trial are drawn at half a trial."""
    figure, axes = plt.subplots(figsize=(6, 5.4))
    for name, found in by_condition:
        if len(found.genuine) and len(found.impostor):
            thresholds = curve_thresholds(found)
            matches = [_deviate(found.fmr(t)) for t in thresholds]
            misses = [_deviate(found.fnmr(t)) for t in thresholds]
            axes.step(matches, misses, where="post", label=name)
    places = [NormalDist().inv_cdf(tick) for tick in _TICKS]
    labels = [f"{tick:.1%}" if tick < 0.01 else f"{tick:.0%}" for tick in _TICKS]
    axes.set_xticks(places, labels)
    axes.set_yticks(places, labels)
    axes.set(xlabel="false match rate", ylabel="false non-match rate")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    _save(figure, path)


def curve_thresholds(found: Comparisons) -> NDArray[np.floating]:
    """Where a curve is drawn: densest where errors are few, which is where it is read."""
    matching = found.impostor[_ranks(len(found.impostor))]
    missing = found.genuine[len(found.genuine) - 1 - _ranks(len(found.genuine))]
    return np.unique(np.concatenate([matching, missing]))


def _ranks(count: int) -> NDArray[np.intp]:
    return np.unique(np.geomspace(1, count, _POINTS).astype(np.intp)) - 1


def _deviate(rate: Rate) -> float:
    least, trials = 0.5, rate.trials
    return NormalDist().inv_cdf(min(max(rate.errors, least), trials - least) / trials if trials > 1 else 0.5)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
