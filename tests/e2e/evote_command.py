"""The program of officers, trustees and auditors, run as they run it, against a stack."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from evote_local.stack.stack import Stack


async def run_evote(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``evote`` with the stack's token and auth's address; a failure is the caller's to look at."""
    settings = {"EVOTE_TOKEN": stack.identities.officer_token, "EVOTE_AUTH_URL": stack.auth.url, "COLUMNS": "200"}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "evote_cli.main", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
