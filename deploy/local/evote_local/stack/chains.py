"""Chains to anchor on, started on this machine, and the settings with which ledger-anchor finds them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.key import load_key

from ..fabric.binaries import find_binaries
from ..fabric.network import FabricNetwork
from ..fabric.organisations import CITY
from ..nodes.anvil import CHAIN_ID, DEVELOPMENT_KEY, AnvilNode
from ..nodes.ports import LOOPBACK
from ..nodes.processes import ProcessFailed


class DevelopmentChain(Protocol):
    """A chain on this machine with the anchor contract on it."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What ledger-anchor is told, once the chain has started."""

    def start(self) -> None:
        """Start the chain and put the contract on it."""

    def stop(self) -> None:
        """Stop the chain; safe to repeat, and after a start that failed."""


class EthereumDevelopmentChain:
    """anvil with a block a second, which nothing takes back: an anchor is final when it is in a block."""

    def __init__(self, directory: Path, host: str = LOOPBACK) -> None:
        """``directory`` takes the chain, its log and the anchorer's key; ``host`` is where others reach it."""
        # To write a long chain each second costs five times what it costs to make it, and it is written at the end.
        self.node = AnvilNode(directory, block_time_s=1, save_every_s=60, host=host)
        self._directory = directory
        self._key_file = directory / "anchorer-key"
        self._contract: Mapping[str, str] = {}

    @property
    def settings(self) -> Mapping[str, str]:
        """As :class:`DevelopmentChain`; an anchor every quarter of a second costs nothing here."""
        return {
            **self._account,
            **self._contract,
            "EVOTE_ETHEREUM_FINALITY_DEPTH": "0",
            "EVOTE_ETHEREUM_INTERVAL_S": "0.25",
            "EVOTE_ETHEREUM_POLL_S": "0.2",
        }

    def start(self) -> None:
        """As :class:`DevelopmentChain`; the contract is deployed as an operator would do it."""
        self.node.start()
        if not self._contract:
            self._key_file.touch(mode=0o600)
            self._key_file.write_text(DEVELOPMENT_KEY)
            self._contract = self._deploy()

    def replace_key(self) -> None:
        """Another anchorer with a contract of its own: what :attr:`settings` say from now on."""
        self._key_file = self._directory / f"anchorer-key-{secrets.token_hex(4)}"
        self._key_file.touch(mode=0o600)
        self._key_file.write_text(secrets.token_hex(32))
        self.node.give_coins(load_key(self._key_file).address)
        self._contract = self._deploy()

    def stop(self) -> None:
        """As :class:`DevelopmentChain`."""
        self.node.stop()

    @property
    def contract(self) -> ContractAt:
        """Where the contract is, once the chain has started."""
        settings = self.settings
        return ContractAt((self.node.rpc_url,), CHAIN_ID, settings["EVOTE_ETHEREUM_CONTRACT"], finality_depth=0)

    @property
    def auditor_options(self) -> Sequence[str]:
        """How ``evote-verify`` is told to read this chain."""
        block = self.settings["EVOTE_ETHEREUM_FIRST_BLOCK"]
        place = ("--ethereum", self.node.rpc_url, "--contract", self.contract.account)
        return (*place, "--contract-block", block, "--finality-depth", "0")

    @property
    def _account(self) -> Mapping[str, str]:
        return {
            "EVOTE_ETHEREUM_RPC_URLS": self.node.rpc_url,
            "EVOTE_ETHEREUM_CHAIN_ID": str(CHAIN_ID),
            "EVOTE_ETHEREUM_KEY_FILE": str(self._key_file),
        }

    def _deploy(self) -> Mapping[str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "evote_ledger_anchor.main", "deploy-contract"],
            env={"PATH": os.environ.get("PATH", os.defpath), **self._account},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed("deploy-contract", f"status {done.returncode}", done.stderr[-4000:])
        return dict(line.split("=", 1) for line in done.stdout.splitlines())


class FabricDevelopmentChain:
    """A Fabric network of a release's programs (``FABRIC_BIN``)."""

    def __init__(self, directory: Path) -> None:
        """``directory`` takes keys, data, settings and logs; raises ``FabricMissing`` where there are no programs."""
        self.network = FabricNetwork(directory, find_binaries())
        self._profile_file = directory / "connection.json"

    @property
    def settings(self) -> Mapping[str, str]:
        """As :class:`DevelopmentChain`."""
        return {
            "EVOTE_FABRIC_PROFILE_FILE": str(self._profile_file),
            "EVOTE_FABRIC_INTERVAL_S": "0.1",
            "EVOTE_FABRIC_POLL_S": "0.1",
        }

    def start(self) -> None:
        """As :class:`DevelopmentChain`."""
        self.network.start()
        self.network.write_profile(self._profile_file, CITY, self.network.city_peers)

    def stop(self) -> None:
        """As :class:`DevelopmentChain`."""
        self.network.stop()
