"""pcscd with virtual readers, for emulated cards: the PC/SC stack of a resident's PC, all but the chip."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .ports import free_ports
from .processes import ChildProcess, Running

# Not on everybody's PATH.
_PCSCD = Path("/usr/sbin/pcscd")
_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_SLOTS_OF_A_READER = 2

_READER = """\
FRIENDLYNAME "Virtual PCD {number}"
DEVICENAME   /dev/null:0x{port:04X}
LIBPATH      {driver}
CHANNELID    0x{port:04X}
"""
# Debian's pcscd has its socket's folder, /run/pcscd, compiled in. In a mount namespace of its own it finds ours there,
# beside whatever pcscd the machine runs; clients are told where by PCSCLITE_CSOCK_NAME.
_IN_OWN_RUN = 'mount --bind "$1" /run && shift && exec "$@"'


def why_no_pcscd() -> str | None:
    """Why a pcscd of our own can't run here; None when it can."""
    if not _PCSCD.exists() or not _DRIVER.exists():
        return "pcscd or its virtual reader is missing (Debian: apt-get install pcscd vsmartcard-vpcd)"
    with tempfile.TemporaryDirectory() as run:
        command = [*_unshare(), "sh", "-c", _IN_OWN_RUN, "sh", run, "true"]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if tried.returncode != 0:
        return f"a mount namespace of our own isn't allowed here: {tried.stderr.strip()}"
    return None


def _unshare() -> list[str]:
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


class PcscDaemon(Running):
    """A pcscd of our own: ``slots`` are the TCP ports where an emulated card can be inserted, two to a reader."""

    def __init__(self, directory: Path, *, readers: int = 2) -> None:
        """``directory`` takes the readers' configuration, the socket and the log."""
        self.log_path = directory / "pcscd.log"
        self._configuration = directory / "readers"
        self._run = directory / "run"
        self._process: ChildProcess | None = None
        self._configuration.mkdir(parents=True)
        self._run.mkdir()
        self.slots: list[int] = []
        for number in range(readers):
            # The driver listens on the port it is given and, for its second slot, on the next one. It keeps its slots
            # in global variables: each reader needs a library of its own, and a copy is one.
            driver = directory / f"vpcd-{number}.so"
            shutil.copy(_DRIVER, driver)
            first, second = free_ports(_SLOTS_OF_A_READER)
            self.slots += [first, second]
            reader = _READER.format(number=number, port=first, driver=driver)
            (self._configuration / f"reader-{number}").write_text(reader)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a PC/SC client needs in its environment to talk to this daemon."""
        return {"PCSCLITE_CSOCK_NAME": str(self._socket)}

    @property
    def _socket(self) -> Path:
        return self._run / "pcscd" / "pcscd.comm"

    def start(self) -> None:
        """Start the daemon and wait until clients can reach it; its readers follow (a probe would look like a card)."""
        self._process = ChildProcess(
            "pcscd",
            [
                *(*_unshare(), "sh", "-c", _IN_OWN_RUN, "sh", str(self._run)),
                *(str(_PCSCD), "--foreground", "--error", "--config", str(self._configuration)),
            ],
            log_path=self.log_path,
        )
        self._process.wait_until(self._socket.exists, timeout_s=60)

    def stop(self) -> None:
        """Stop the daemon; inserted cards find their reader gone."""
        if self._process is not None:
            self._process.stop(timeout_s=5)
