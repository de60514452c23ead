"""Who vouches for the log of a stack: three witnesses, and a chain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evote_tlog.checkpoint import VerifierKey

from ..nodes.ports import LOOPBACK
from .chains import DevelopmentChain
from .witnesses import LocalWitness, define_witnesses, majority_policy

_WITNESSES = 3


class Vouching:
    """Starts witnesses and chain before ledger-anchor, and stops them after it."""

    def __init__(self, directory: Path, log_key: VerifierKey, chain: DevelopmentChain, host: str = LOOPBACK) -> None:
        """``directory`` takes keys and states of the witnesses of the log with ``log_key``, at ``host``."""
        self.chain = chain
        self.witnesses: list[LocalWitness] = []
        self._directory = directory
        self._log_key = log_key
        self._host = host

    @property
    def policy_file(self) -> Path:
        """Two of the three witnesses (C2SP tlog-policy)."""
        return self._directory / "policy"

    @property
    def settings(self) -> Mapping[str, str]:
        """What ledger-anchor is told, once everything has started."""
        return {
            **self.chain.settings,
            "EVOTE_WITNESS_POLICY_FILE": str(self.policy_file),
            "EVOTE_WITNESS_INTERVAL_S": "0.1",
            "EVOTE_MONITOR_STATE_FILE": str(self._directory / "monitor.json"),
        }

    def start(self) -> None:
        """Start the chain and the witnesses."""
        self.chain.start()
        self.witnesses = define_witnesses(self._directory, _WITNESSES, self._log_key, self._host)
        self.policy_file.write_text(majority_policy(self.witnesses, self._log_key))
        for witness in self.witnesses:
            witness.start()

    def stop(self) -> None:
        """Stop what runs; safe to repeat, and after a start that failed."""
        for witness in self.witnesses:
            witness.stop()
        self.chain.stop()
