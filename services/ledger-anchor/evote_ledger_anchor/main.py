"""``evote-ledger-anchor serve | migrate | replay | openapi | deploy-contract``: wiring only."""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial

from evote_anchors.errors import ChainError
from evote_anchors.ethereum.key import UnusableKey
from evote_eventlog.replay import REPLAY_REFUSALS
from evote_platform.cli import OwnCommand
from evote_platform.program import Program
from evote_platform.roster import RosterFile

from .api import anchors, log
from .api.problems import PROBLEMS
from .chain_settings import ChainSettings, EthereumAccount
from .chains import deploy
from .service import SCHEMA, SERVICE, replay, running
from .settings import LedgerSettings


def _deploy_contract(_: argparse.Namespace) -> int:
    try:
        deployed = asyncio.run(deploy(EthereumAccount.from_environment()))
    except (ChainError, UnusableKey, OSError) as error:
        print(f"evote-ledger-anchor: {error}", file=sys.stderr)
        return 1
    print(f"EVOTE_ETHEREUM_CONTRACT={deployed.address}")
    print(f"EVOTE_ETHEREUM_FIRST_BLOCK={deployed.block}")
    cost = f"{deployed.gas_used} gas, {deployed.transaction}"
    print(f"{deployed.account} takes anchors of {deployed.anchorer} only; {cost}", file=sys.stderr)
    return 0


PROGRAM = Program(
    service=SERVICE,
    schema=SCHEMA,
    settings=LedgerSettings,
    start=lambda settings: partial(
        running, settings, ChainSettings.from_environment(), RosterFile(settings.roster_file)
    ),
    replay=replay,
    routers=[log.router, anchors.router],
    problems=PROBLEMS,
    own={
        "deploy-contract": OwnCommand(
            "put the anchor contract on the Ethereum chain; prints the settings that name it", _deploy_contract
        )
    },
    refusals=REPLAY_REFUSALS,
)


def main() -> None:
    """The program's entry."""
    sys.exit(PROGRAM.run())


if __name__ == "__main__":
    main()
