"""What the panels of the dashboards ask, and what a Prometheus answers them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Final

from evote_local.nodes.prometheus import Prometheus

DASHBOARDS: Final = Path(__file__).parents[1] / "deploy/monitoring/dashboards"
_QUIET = "なし / none"
_OR_NOTHING = " or vector(0)"
_OF_OTHERS = re.compile(r"\b(?:kafka_server|cnpg|barman_cloud)_\w+")


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel."""

    board: str
    panel: str
    text: str
    quiet: bool
    """The panel says itself that it may be empty when all is well."""

    @property
    def of_others(self) -> bool:
        """Asks exporters of CloudNativePG, of barman or of Strimzi's brokers, which only a cluster has."""
        return _OF_OTHERS.search(self.text) is not None

    @property
    def of_faces(self) -> bool:
        """Asks biometric, which not every platform has."""
        return "evote_face_" in self.text

    @property
    def of_many_faces(self) -> bool:
        """Asks what stands still until a hundred pictures or ten outcomes have come (ADR 39): more than tests have."""
        return self.of_faces and "rate(" in self.text

    @property
    def of_trouble(self) -> bool:
        """Shows nothing of its own, or a 0 that a misspelt name shows too, until something is wrong."""
        return (self.quiet or self.text.endswith(_OR_NOTHING)) and not self.of_others and not self.of_faces

    @property
    def asked(self) -> str:
        """The query without the 0 that stands for nothing."""
        return self.text.removesuffix(_OR_NOTHING)


def panel_queries() -> list[PanelQuery]:
    """Of all dashboards."""
    return [
        PanelQuery(
            file.stem,
            panel["title"],
            target["expr"],
            panel["fieldConfig"]["defaults"].get("noValue") == _QUIET,
        )
        for file in sorted(DASHBOARDS.glob("*.json"))
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
    ]


def shows_something(prometheus: Prometheus, query: str) -> bool:
    """Whether there is a number; asking shows that it is a query."""
    return any(not isnan(value) for _, value in prometheus.values(query))
