"""``evote-ledger-anchor deploy-contract``, as an operator runs it against a node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.reader import EthereumReader
from evote_local.nodes.anvil import CHAIN_ID, DEVELOPMENT_KEY, AnvilNode
from evote_local.nodes.ports import free_port

pytestmark = pytest.mark.stack


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(DEVELOPMENT_KEY)
    return file


def deploy(**settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evote_ledger_anchor.main", "deploy-contract"]
    environment = {"PATH": os.environ["PATH"], **{f"EVOTE_ETHEREUM_{name}": value for name, value in settings.items()}}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_it_prints_the_settings_that_name_the_contract(anvil: AnvilNode, key_file: Path) -> None:
    done = deploy(RPC_URLS=anvil.rpc_url, CHAIN_ID=str(CHAIN_ID), KEY_FILE=str(key_file))
    assert done.returncode == 0, done.stderr
    printed = dict(line.split("=") for line in done.stdout.splitlines())
    assert printed.keys() == {"EVOTE_ETHEREUM_CONTRACT", "EVOTE_ETHEREUM_FIRST_BLOCK"}
    reader = EthereumReader(ContractAt((anvil.rpc_url,), CHAIN_ID, printed["EVOTE_ETHEREUM_CONTRACT"], 0), lambda: 0.0)
    assert await reader.newest("vote.city.example/log") is None
    assert (await reader.head()).block == int(printed["EVOTE_ETHEREUM_FIRST_BLOCK"])
    await reader.close()


def test_missing_settings_are_named_with_status_2() -> None:
    done = deploy(CHAIN_ID="1")
    assert done.returncode == 2
    assert "EVOTE_ETHEREUM_RPC_URLS" in done.stderr
    assert "EVOTE_ETHEREUM_KEY_FILE" in done.stderr


def test_a_node_that_is_away_or_of_another_chain_is_named_with_status_1(anvil: AnvilNode, key_file: Path) -> None:
    away = deploy(RPC_URLS=f"http://127.0.0.1:{free_port()}", CHAIN_ID="1", KEY_FILE=str(key_file))
    assert (away.returncode, away.stdout) == (1, "")
    assert "not reachable" in away.stderr
    other = deploy(RPC_URLS=anvil.rpc_url, CHAIN_ID="1", KEY_FILE=str(key_file))
    assert (other.returncode, other.stdout) == (1, "")
    assert f"chain {CHAIN_ID}" in other.stderr


def test_a_key_that_can_not_be_used_is_never_shown(anvil: AnvilNode, key_file: Path) -> None:
    key_file.write_text("ab" * 31)
    done = deploy(RPC_URLS=anvil.rpc_url, CHAIN_ID=str(CHAIN_ID), KEY_FILE=str(key_file))
    assert done.returncode == 1
    assert "ab" * 5 not in done.stderr + done.stdout
