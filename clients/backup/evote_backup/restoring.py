"""A set is put back into empty places: a new folder, and a schema that has nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from .checking import checked, require_kept
from .errors import BackupRefused, NotEmpty, OtherSet, ProgramFailed
from .held import HeldFile
from .making import sync_folder
from .manifest import DRAFT, Manifest, Statement, Vault, VaultSchema, read_statement
from .sealing import Identity, open_into, run

_PSQL: Final = ("psql", "--no-password", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
# The empty name is libpq's default, PGDATABASE's or a service file's; without the option pg_restore connects to none.
_PG_RESTORE: Final = ("pg_restore", "--no-password", "--exit-on-error", "--single-transaction", "--dbname=")


def restore_set(folder: Path, identity: Identity, noted: str, into: Path | None, today: date) -> Statement:
    """Put back all of a set: folders below ``into``, which this makes, and schemas into libpq's database.

    Everything is read and opened once before anything is written, and what is written comes of the bytes that were
    read: who changes a file meanwhile has it refused, and who puts another in its place isn't noticed and changes
    nothing.

    Args:
        noted: the fingerprint that was noted when the set was made.

    Raises:
        NotEmpty: something is there.
        BackupRefused: what :func:`checked` raises; another set than the noted one; one behind its end.
        OSError: a folder can't be written.
    """
    statement = read_statement(folder)
    if statement.fingerprint != noted:
        raise OtherSet(folder, statement.fingerprint)
    with checked(folder, statement.manifest, identity) as held:
        require_kept(folder, statement.manifest, today)
        _put_back(statement.manifest, held, identity, into)
    return statement


def _put_back(manifest: Manifest, held: Mapping[str, HeldFile], identity: Identity, into: Path | None) -> None:
    vaults = [(file.holds.vault, held[file.file]) for file in manifest.files if isinstance(file.holds, VaultSchema)]
    folders = {file.name: held[file.file] for file in manifest.files if not isinstance(file.holds, VaultSchema)}
    if (into is None) != (not folders):
        raise BackupRefused(
            "name a new folder with --into: this set holds folders"
            if folders
            else "this set holds no folder for --into"
        )
    if into is None:
        _restore_vaults(vaults, identity)
        return
    if into.exists():
        raise NotEmpty(str(into))
    draft = into.with_name(f"{into.name}{DRAFT}")
    draft.mkdir(mode=0o700)
    try:
        for name, file in folders.items():
            _unpack(file, draft / name, identity)
        os.sync()
        _restore_vaults(vaults, identity)
        draft.rename(into)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_folder(into.parent)


def _unpack(sealed: HeldFile, place: Path, identity: Identity) -> None:
    place.mkdir()
    # Root gives each file back to whom it belonged, by number; others own what they unpack.
    open_into(
        ("tar", "--extract", "--gzip", "--preserve-permissions", "--numeric-owner", f"--directory={place}"),
        sealed,
        identity,
    )


def _restore_vaults(vaults: Sequence[tuple[Vault, HeldFile]], identity: Identity) -> None:
    for vault, sealed in vaults:
        try:
            # Without CASCADE: the server itself refuses while the schema has anything. What `roles` made goes.
            run((*_PSQL, f"--command=DROP SCHEMA IF EXISTS {vault}"))
        except ProgramFailed as error:
            if "other objects depend on it" in error.said:
                raise NotEmpty(f"something in the schema {vault}") from error
            raise
        # All of it or nothing: a file that is changed while it is read has the program killed, before it commits.
        open_into(_PG_RESTORE, sealed, identity)
