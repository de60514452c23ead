"""What a program writes goes sealed to the disk, and back into a program: nothing lies open in between.

The form is age's (C2SP age), so that a set can be opened with any program that knows it.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import pyrage
from pyrage import x25519

from .errors import CannotOpen, Damaged, ProgramFailed, ProgramMissing, UnusableKey
from .held import HeldFile

Recipient = x25519.Recipient
Identity = x25519.Identity

_PACKAGES: Final = {"tar": "tar"}
_OF_POSTGRESQL: Final = "postgresql-client"


def parse_recipient(text: str) -> Recipient:
    """age's public key; raises :class:`UnusableKey`."""
    try:
        return x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise UnusableKey(f"{text!r} is no public key of age's (age1…)") from error


def create_identity(path: Path) -> Recipient:
    """A new key in a file that only its owner reads; raises :class:`UnusableKey`, ``OSError``."""
    identity = x25519.Identity.generate()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UnusableKey(f"{path} is there already: choose another file") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{identity}\n")
        file.flush()
        os.fsync(file.fileno())
    return identity.to_public()


def read_identity(path: Path) -> Identity:
    """The key in a file of :func:`create_identity` or ``age-keygen``; raises :class:`UnusableKey`, ``OSError``."""
    lines = [line for line in path.read_text(errors="replace").splitlines() if line and not line.startswith("#")]
    try:
        (line,) = lines
        return x25519.Identity.from_str(line.strip())
    except (ValueError, pyrage.IdentityError) as error:
        raise UnusableKey(f"{path} holds no secret key of age's (one line AGE-SECRET-KEY-1…)") from error


class _Hashed(io.BufferedIOBase):
    """A file that is hashed while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._file = file

    def write(self, piece: Any, /) -> int:
        self.sha256.update(piece)
        written = self._file.write(piece)
        self.size += written
        return written


@dataclass(frozen=True)
class Sealed:
    """A file that is on the disk."""

    size: int
    sha256: str


def seal_output(command: Sequence[str], into: Path, recipients: Sequence[Recipient]) -> Sealed:
    """Run a program and seal what it writes; the file is durable when this returns.

    Raises:
        ProgramMissing, ProgramFailed: also when all was written, and the program says that it isn't right.
        OSError: the disk is full, for one.
    """
    with _running(command, stdout=subprocess.PIPE) as process, into.open("xb") as file:
        hashed = _Hashed(file)
        pyrage.encrypt_io(cast("io.BufferedIOBase", process.stdout), hashed, list(recipients))
        file.flush()
        os.fsync(file.fileno())
    return Sealed(hashed.size, hashed.sha256.hexdigest())


def open_into(command: Sequence[str], sealed: HeldFile, identity: Identity) -> None:
    """Open a sealed file into a program, which is given nothing but what was held.

    Raises:
        CannotOpen: sealed to other keys.
        Damaged: changed or cut off; the program has seen the pieces before the damage, and not its input's end.
        ProgramMissing, ProgramFailed
    """
    file = sealed.read_again()
    with _running(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            pyrage.decrypt_io(cast("io.BufferedIOBase", file), cast("io.BufferedIOBase", process.stdin), [identity])
        except BrokenPipeError:
            pass  # it ended before its input did, and says why when it is waited for
        except pyrage.DecryptError as error:
            # In a file's head pyrage makes an error of its own of what the reading raised.
            raise file.changed or CannotOpen(sealed.path) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise Damaged(sealed.path, ["its seal is broken"]) from error


@contextmanager
def _running(command: Sequence[str], **ends: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program, killed when the block fails, and otherwise waited for and asked whether it went well."""
    program = command[0]
    with tempfile.TemporaryFile() as told:
        try:
            # libpq's own variables say where the database is; untranslated, for whoever searches for the words.
            process = subprocess.Popen(  # noqa: S603 - programs of this module's callers
                command, bufsize=0, stderr=told, env={**os.environ, "LC_ALL": "C.UTF-8"}, **ends
            )
        except FileNotFoundError as error:
            raise ProgramMissing(program, _PACKAGES.get(program, _OF_POSTGRESQL)) from error
        try:
            yield process
        except BaseException:
            process.kill()  # before its input ends: it must not take what it has for all there is
            raise
        finally:
            for end in (process.stdin, process.stdout):
                if end is not None:
                    end.close()
            status = process.wait()
        if status != 0:
            told.seek(0)
            said = told.read()[-2000:].decode(errors="replace").strip()
            raise ProgramFailed(program, status, said or "it said nothing")


def run(command: Sequence[str]) -> None:
    """Run a program to its end; raises :class:`ProgramMissing`, :class:`ProgramFailed`."""
    with _running(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        pass
