"""A set is made beside its place, and takes it when all of it is on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from .errors import BackupRefused, NotEmpty
from .manifest import (
    DRAFT,
    MANIFEST,
    KafkaFolder,
    KeysFolder,
    Manifest,
    SealedFile,
    Statement,
    Vault,
    VaultSchema,
    statement_of,
)
from .sealing import Recipient, seal_output
from .sources import Broker, brokers_at_rest, require_apart, require_restorable

# Links are followed: Kubernetes' secrets are links, and a copy of a link is of nothing.
_TAR: Final = ("tar", "--create", "--gzip", "--sparse", "--dereference", "--numeric-owner")
_OF_A_VOLUME: Final = ("--exclude=./lost+found", "--exclude=./.lock")


@dataclass(frozen=True)
class Wanted:
    """What goes into a set."""

    kafka: Sequence[Path] = ()
    vaults: Sequence[Vault] = ()
    keys: Sequence[Path] = ()


def make_set(
    wanted: Wanted, sets: Path, recipients: Sequence[Recipient], keep_until: date, now: Callable[[], datetime]
) -> tuple[Path, Statement]:
    """Make a set in the folder ``sets``; where it is, and what was written there. ``now`` is in UTC.

    Raises:
        BackupRefused, OSError: and nothing is left behind.
    """
    if not (wanted.kafka or wanted.vaults or wanted.keys):
        raise BackupRefused("name what to back up: --kafka, --schema, --keys")
    require_apart(wanted.vaults, len(wanted.kafka) + len(wanted.keys))
    made_at = now().replace(microsecond=0)
    if keep_until < made_at.date():
        raise BackupRefused(f"--keep-until {keep_until} is past already")
    for folder in wanted.keys:
        require_restorable(folder)
    with brokers_at_rest(wanted.kafka) as brokers:
        draft = sets / f"{made_at:%Y%m%dT%H%M%SZ}-{os.getpid()}{DRAFT}"
        draft.mkdir(mode=0o700)
        try:
            files = []
            for file, holds, command in _plan(wanted, brokers):
                sealed = seal_output(command, draft / file, recipients)
                files.append(SealedFile(file=file, size=sealed.size, sha256=sealed.sha256, holds=holds))
            manifest = Manifest(
                made_at=made_at,
                keep_until=keep_until,
                recipients=tuple(map(str, recipients)),
                files=tuple(files),
            )
            return _finish(draft, manifest, sets / manifest.name)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def _plan(
    wanted: Wanted, brokers: Sequence[Broker]
) -> Iterator[tuple[str, KafkaFolder | VaultSchema | KeysFolder, Sequence[str]]]:
    """Each file, what it holds, and the program that writes it.

    Vaults come before the brokers: so the log has at least what the tables had, and a projection that is put back
    catches up, instead of stopping at a log that is shorter than itself.
    """
    for vault in wanted.vaults:
        dump = ("pg_dump", "--format=custom", f"--schema={vault}", "--strict-names", "--no-password")
        yield f"{vault}.dump.age", VaultSchema(vault=vault), dump
    for number, folder in enumerate(wanted.keys, 1):
        yield f"keys-{number}.tar.gz.age", KeysFolder(folder=str(folder.absolute())), _tar(folder)
    for number, broker in enumerate(brokers, 1):
        holds = KafkaFolder(cluster=broker.cluster, node=broker.node, stopped=broker.stopped)
        yield f"kafka-{number}.tar.gz.age", holds, _tar(broker.folder, *_OF_A_VOLUME)


def _tar(folder: Path, *options: str) -> Sequence[str]:
    return (*_TAR, *options, f"--directory={folder}", ".")


def _finish(draft: Path, manifest: Manifest, place: Path) -> tuple[Path, Statement]:
    content = f"{manifest.model_dump_json(indent=1)}\n".encode()
    # Last: a crash before it leaves a folder that no program takes for a set.
    with (draft / MANIFEST).open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(draft)
    try:
        draft.rename(place)
    except OSError as error:
        if place.exists():
            raise NotEmpty(str(place)) from error
        raise
    sync_folder(place.parent)
    # Not of what lies there by now: who can write there would have their own fingerprint noted.
    return place, statement_of(content)


def sync_folder(folder: Path) -> None:
    """Have the disk keep which names a folder has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
