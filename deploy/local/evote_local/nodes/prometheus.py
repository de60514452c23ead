"""Prometheus (Debian's package) on the loopback interface, which reads services' metrics and tries rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from .ports import LOOPBACK, free_port
from .processes import ChildProcess, Running

_EVERY: Final = "1s"


def ask(url: str, query: str) -> list[tuple[Mapping[str, str], float]]:
    """What a query gives now at the Prometheus of this address: labels and value of each series.

    Raises:
        httpx.HTTPStatusError: the query is not one.
    """
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=30)
    answer.raise_for_status()
    found = answer.json()["data"]
    series = [{"metric": {}, "value": found["result"]}] if found["resultType"] == "scalar" else found["result"]
    return [(one["metric"], float(one["value"][1])) for one in series]


class Prometheus(Running):
    """A server of its own over ``directory``, which takes its configuration and data."""

    def __init__(
        self, directory: Path, *, targets: Sequence[str], token: str, rules: Sequence[Path], every: str = _EVERY
    ) -> None:
        """``targets`` are asked with a scraper's ``token``, as ``host:port``; ``rules`` are files of rules."""
        self._directory = directory
        self._port = free_port()
        self._targets, self._token, self._rules, self._every = targets, token, rules, every
        self._process: ChildProcess | None = None

    @property
    def url(self) -> str:
        """Where its API and pages are, without a trailing slash."""
        return f"http://{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers; raises ``ProcessFailed``."""
        self._directory.mkdir(parents=True, exist_ok=True)
        configuration = self._directory / "prometheus.yml"
        self.show_token(self._token)
        # JSON is YAML, too.
        configuration.write_text(json.dumps(self._configuration()))
        command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={self._directory / 'data'}"]
        command += [f"--web.listen-address={LOOPBACK}:{self._port}"]
        self._process = ChildProcess("prometheus", command, log_path=self._directory / "prometheus.log")
        self._process.wait_until(self._answers, timeout_s=60)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()

    def show_token(self, token: str) -> None:
        """From its next reading on, ask with this scraper's token."""
        self._token = token
        draft = self._token_file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(token)
        draft.replace(self._token_file)

    def values(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """As :func:`ask`."""
        return ask(self.url, query)

    @property
    def _token_file(self) -> Path:
        return self._directory / "token"

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def _configuration(self) -> dict[str, Any]:
        return {
            "global": {"scrape_interval": self._every, "evaluation_interval": self._every},
            "rule_files": [str(file) for file in self._rules],
            "scrape_configs": [
                {
                    "job_name": "evote",
                    "authorization": {"credentials_file": str(self._token_file)},
                    "static_configs": [{"targets": list(self._targets)}],
                }
            ],
        }
