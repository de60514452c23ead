"""Which chains the environment names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from evote_ledger_anchor.chain_settings import ChainSettings

ETHEREUM = {
    "EVOTE_ETHEREUM_RPC_URLS": "https://rpc.example/a-token",
    "EVOTE_ETHEREUM_CHAIN_ID": "1",
    "EVOTE_ETHEREUM_KEY_FILE": "/none",
    "EVOTE_ETHEREUM_CONTRACT": "0x" + "a" * 40,
}


def test_without_a_variable_there_is_no_chain() -> None:
    assert ChainSettings.from_environment() == ChainSettings(None, None)


def test_endpoints_never_print_their_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ETHEREUM.items():
        monkeypatch.setenv(name, value)
    settings = ChainSettings.from_environment()
    assert settings.ethereum is not None
    assert settings.ethereum.ethereum_rpc_urls.get_secret_value() == ETHEREUM["EVOTE_ETHEREUM_RPC_URLS"]
    assert "a-token" not in f"{settings!r} {settings.ethereum}"


def test_a_chain_that_is_named_by_half_keeps_the_service_from_starting(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "EVOTE_ENVIRONMENT": "test",
        "EVOTE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "EVOTE_DATABASE_URL": "postgresql://127.0.0.1:1/none",
        "EVOTE_ROSTER_FILE": str(tmp_path / "none"),
        "EVOTE_LOG_KEY_FILE": str(tmp_path / "none"),
        "EVOTE_LOG_ORIGIN": "vote.city.example/log",
        "EVOTE_PORT": "0",
        "EVOTE_ETHEREUM_CONTRACT": "0x" + "a" * 40,
    }
    command = [sys.executable, "-m", "evote_ledger_anchor.main", "serve"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "setting EVOTE_ETHEREUM_RPC_URLS: Field required" in done.stderr
