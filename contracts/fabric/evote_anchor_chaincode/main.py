"""``python -m evote_anchor_chaincode``: wiring only."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from .errors import SettingsInvalid
from .server import make_server
from .settings import Settings

_GRACE_S = 2.0


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = make_server(settings)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await server.start()
    logging.getLogger(__name__).info("listening on %s as %s", settings.address, settings.chaincode_id)
    await stopped.wait()
    await server.stop(_GRACE_S)


def main() -> None:
    """Read the environment and serve; exit status 2 when it is not complete."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsInvalid as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error
    asyncio.run(run(settings))
