"""Where Fabric's programs are: in the folder ``FABRIC_BIN``, or on the path."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..nodes.processes import ProcessFailed

_NAMES = ("peer", "orderer", "configtxgen", "cryptogen", "osnadmin")


class FabricMissing(Exception):
    """Programs of a Fabric release are not there. Field: ``names``."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"Hyperledger Fabric's {', '.join(names)} not found: set FABRIC_BIN to the bin folder of a Fabric 3 release"
        )
        self.names = names


@dataclass(frozen=True)
class FabricBinaries:
    """The programs of one Fabric release."""

    peer: Path
    orderer: Path
    configtxgen: Path
    cryptogen: Path
    osnadmin: Path


def find_binaries() -> FabricBinaries:
    """Find all of them.

    Raises:
        FabricMissing: with the names of those that are not there.
    """
    folder = os.environ.get("FABRIC_BIN") or None
    found = {name: shutil.which(name, path=folder) for name in _NAMES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise FabricMissing(missing)
    return FabricBinaries(**{name: Path(path) for name, path in found.items() if path is not None})


def run(program: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed; raise :class:`ProcessFailed` when it fails."""
    done = subprocess.run(  # noqa: S603 - a program of the release
        [str(program), *arguments],
        env={"PATH": os.defpath, "HOME": "/nonexistent", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ProcessFailed(
            f"{program.name} {' '.join(arguments[:3])}", f"status {done.returncode}", done.stdout[-3000:]
        )
    return done.stdout
