"""An Ethereum development node (Foundry's anvil) on the loopback interface, from npm's package."""

from __future__ import annotations

from pathlib import Path

import httpx

from .ports import LOOPBACK, free_port
from .processes import ChildProcess, ProcessFailed

CHAIN_ID = 31337
DEVELOPMENT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first account of anvil's published mnemonic, rich on every development chain and on no other."""

_PACKAGES = Path(__file__).parents[4] / ".tools/node/node_modules/@foundry-rs"


class AnvilNode:
    """A chain of its own on a fixed port: it can be stopped or killed, and started again.

    The chain lives in memory and is written to ``directory`` every ``save_every_s``: after :meth:`kill` it
    comes back as it was written last, so that the newest blocks and all waiting transactions are lost, as a
    reorganisation would lose them.
    """

    def __init__(
        self,
        directory: Path,
        *,
        block_time_s: float | None = None,
        chain_id: int = CHAIN_ID,
        port: int | None = None,
        save_every_s: int = 1,
        host: str = LOOPBACK,
    ) -> None:
        """``block_time_s`` is the time between blocks; None: a block for each transaction, at once.

        ``host`` is this machine's address that others reach it at.
        """
        self.directory = directory
        self.port = port if port is not None else free_port()
        self._host = host
        self._block_time_s = block_time_s
        self._chain_id = chain_id
        self._save_every_s = save_every_s
        self._process: ChildProcess | None = None

    @property
    def rpc_url(self) -> str:
        """Where JSON-RPC is spoken."""
        return f"http://{self._host}:{self.port}"

    @property
    def log_path(self) -> Path:
        """What the node wrote to its output."""
        return self.directory / "anvil.log"

    @property
    def pid(self) -> int | None:
        """The node's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    def start(self, *, timeout_s: float = 60) -> None:
        """Start the node over what it wrote last and wait until it answers."""
        if self.pid is not None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [str(_binary()), "--host", self._host, "--port", str(self.port), "--chain-id", str(self._chain_id)]
        command += ["--state", str(self.directory / "state.json"), "--state-interval", str(self._save_every_s)]
        command += ["--preserve-historical-states", "--no-cors"]
        if self._block_time_s is not None:
            command += ["--block-time", str(self._block_time_s)]
        self._process = ChildProcess("anvil", command, log_path=self.log_path)
        self._process.wait_until(self._is_ready, timeout_s=timeout_s)

    def stop(self) -> None:
        """Write the chain and end."""
        if self._process is not None:
            self._process.stop(timeout_s=20)

    def kill(self) -> None:
        """``kill -9``: what was not written yet is lost."""
        if self._process is not None:
            self._process.kill()

    def give_coins(self, address: str) -> None:
        """Let an account have more than all anchors cost, which no other chain does."""
        answer = self._ask("anvil_setBalance", address, hex(10**20))
        if "error" in answer.raise_for_status().json():
            raise ProcessFailed("anvil", "gives no coins", answer.text)

    def _is_ready(self) -> bool:
        try:
            answer = self._ask("eth_chainId")
        except httpx.TransportError:
            return False
        return answer.is_success and answer.json().get("result") == hex(self._chain_id)

    def _ask(self, method: str, *params: str) -> httpx.Response:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(self.rpc_url, json=question, timeout=60)


def _binary() -> Path:
    found = sorted(_PACKAGES.glob("anvil-*/bin/anvil"))
    if not found:
        raise ProcessFailed("anvil", "is not installed: `make install` puts it into .tools/node", "")
    return found[0]
