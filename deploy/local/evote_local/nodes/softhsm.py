"""A PKCS#11 token in software (SoftHSM 2), for keys that never leave their token."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from .processes import ProcessFailed

_MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)


class SoftToken:
    """A new token with a random PIN. A process uses it by setting ``environment`` before it loads ``module``."""

    label = "evote-test"

    def __init__(self, directory: Path) -> None:
        """``directory`` takes the token's objects, its settings and the PIN."""
        self.module = _find_module()
        self.pin_file = directory / "pin"
        self._settings = directory / "softhsm2.conf"
        tokens = directory / "tokens"
        tokens.mkdir(parents=True)
        self._settings.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
        self._pin = f"{secrets.randbelow(10**8):08}"
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(f"{self._pin}\n")
        self._run("--init-token", "--free", "--label", self.label, "--so-pin", self._pin)

    @property
    def environment(self) -> dict[str, str]:
        """What tells the module where the token is."""
        return {"SOFTHSM2_CONF": str(self._settings)}

    def import_key(self, key: Path, label: str) -> None:
        """Put a private key (PEM, PKCS#8) into the token."""
        self._run("--import", str(key), "--token", self.label, "--label", label, "--id", secrets.token_hex(8))

    def _run(self, *arguments: str) -> None:
        program = shutil.which("softhsm2-util")
        if program is None:
            raise ProcessFailed("SoftHSM", "softhsm2-util is missing (Debian: apt-get install softhsm2)", "")
        done = subprocess.run(  # noqa: S603 - a fixed program
            [program, *arguments, "--pin", self._pin],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed("softhsm2-util", f"ended with status {done.returncode}", done.stdout + done.stderr)


def _find_module() -> Path:
    for module in _MODULES:
        if module.exists():
            return module
    raise ProcessFailed("SoftHSM", "libsofthsm2.so is missing (Debian: apt-get install softhsm2)", "")
