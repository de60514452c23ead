"""What was seen intact, kept outside of the database and of Kafka: it survives what happens to both."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from .notes import Notes


class UnusableMonitorState(Exception):
    """The state file can't be trusted. Fields: ``path``, ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is not the monitor's memory ({reason}): find out who changed it; "
            "keep it aside and start again, without a memory; an older copy would hide what happened since"
        )
        self.path = path
        self.reason = reason


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    note: str | None
    intact_at: dict[str, str]


@dataclass
class Memory:
    """The newest checkpoint that was seen intact, and when each source was last found intact."""

    note: str | None = None
    """A signed note of this log; None: none was seen yet."""
    intact_at: dict[str, str] = field(default_factory=dict)
    """RFC 3339 UTC by source."""


def load_memory(path: Path, notes: Notes) -> Memory:
    """Read the file; an empty memory when there is none.

    Raises:
        UnusableMonitorState: it is damaged, or its note is not this log's.
        OSError: it can't be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Memory()
    try:
        state = _State.model_validate_json(content)
    except ValidationError as error:
        raise UnusableMonitorState(path, "not its JSON") from error
    if state.note is not None and notes.open(state.note) is None:
        raise UnusableMonitorState(path, "its note is not signed by this log's key")
    return Memory(state.note, state.intact_at)


def save_memory(path: Path, memory: Memory) -> None:
    """Replace the file: after a crash it is the old one or the new one, never half of one; raises ``OSError``."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(_State(note=memory.note, intact_at=memory.intact_at).model_dump_json())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
