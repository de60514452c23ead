"""Officers' commands that were carried out."""

from __future__ import annotations

from evote_officers.commands import GivenCommand

from . import Connection


async def use_command(connection: Connection, given: GivenCommand) -> bool:
    """Note a command in the transaction of what it does; False when it was carried out before."""
    status = await connection.execute(
        "INSERT INTO vault_commands VALUES ($1, $2) ON CONFLICT DO NOTHING", given.command.nonce, given.sha256
    )
    return str(status) == "INSERT 0 1"
