"""What a set says of itself: one JSON file beside the sealed items, written last."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from .errors import NoSet
from .held import open_own

MANIFEST: Final = "manifest.json"
DRAFT: Final = ".unfinished"
"""What the name of a set ends with until all of it is on the disk."""

Vault = Literal["auth", "biometric"]
"""The schemas with rows that no replay brings back."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaFolder(_Frozen):
    """A broker's log folder, byte for byte."""

    kind: Literal["kafka"] = "kafka"
    cluster: str
    node: str
    stopped: bool
    """Whether the broker had shut down in order; otherwise it recovers at its next start, as after a power failure."""

    @property
    def told(self) -> str:
        """For people."""
        how = "stopped in order" if self.stopped else "as a power failure leaves it"
        return f"log of broker {self.node}, cluster {self.cluster}, {how}"


class VaultSchema(_Frozen):
    """A service's schema with rows that stand in no event."""

    kind: Literal["schema"] = "schema"
    vault: Vault

    @property
    def told(self) -> str:
        """For people."""
        return f"schema {self.vault}"


class KeysFolder(_Frozen):
    """A folder of keys and rosters."""

    kind: Literal["keys"] = "keys"
    folder: str
    """Where it was."""

    @property
    def told(self) -> str:
        """For people."""
        return f"keys of {self.folder}"


class SealedFile(_Frozen):
    """A file of a set."""

    # Never a path: who changes the manifest must not lead a restore out of the folder.
    file: str = Field(pattern=r"^[a-z]+(-[0-9]+)?\.(dump|tar\.gz)\.age$")
    size: int = Field(ge=0)
    """Bytes, sealed."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the sealed bytes."""
    holds: KafkaFolder | VaultSchema | KeysFolder = Field(discriminator="kind")

    @property
    def name(self) -> str:
        """Of the folder that it becomes again."""
        return self.file.partition(".")[0]


class Manifest(_Frozen):
    """A whole set."""

    format: Literal["evote-backup/1"] = "evote-backup/1"
    made_at: AwareDatetime
    """When copying began."""
    keep_until: date
    """The last day on which it may be put back; UTC."""
    recipients: tuple[str, ...] = Field(min_length=1)
    """age's public keys; each opens the set alone."""
    files: tuple[SealedFile, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """Of the set's folder."""
        parts = dict.fromkeys(file.name.partition("-")[0] for file in self.files)
        return f"{self.made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{'-'.join(parts)}"


@dataclass(frozen=True)
class Statement:
    """What a set says of itself, and what is noted outside of the backup: both of the same bytes."""

    manifest: Manifest
    fingerprint: str
    """SHA-256 of the manifest, and so of every byte of the set."""


def statement_of(content: bytes) -> Statement:
    """Raises pydantic's ``ValidationError``."""
    return Statement(Manifest.model_validate_json(content), hashlib.sha256(content).hexdigest())


def read_statement(folder: Path) -> Statement:
    """What a set says of itself; read once, since who can write there may change it between two readings.

    Raises:
        NoSet: it never got finished, or is none.
        Damaged: its manifest is a link, or no file.
    """
    if folder.name.endswith(DRAFT):
        raise NoSet(folder, "it was not finished; delete it")
    try:
        with open_own(folder / MANIFEST) as file:
            return statement_of(file.read())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoSet(folder, f"it has no {MANIFEST}, which is written last") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise NoSet(folder, f"{MANIFEST} is not one that this release reads ({place}: {first['msg']})") from error


def parse_fingerprint(text: str) -> str:
    """A fingerprint as a person types it; raises ``ValueError``."""
    value = re.sub(r"\s", "", text).lower()
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError("64 hexadecimal digits, as `make` printed them")
    return value
