"""C2SP tlog-policy: which logs are trusted, which witnesses, and how many of them must have cosigned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from .checkpoint import MAX_SIGNATURES, Checkpoint, Note, VerifierKey, parse_checkpoint, parse_note
from .cosignature import CosignerKey
from .errors import MalformedNote, MalformedPolicy, QuorumMissed, SignatureError

NO_QUORUM: Final = "none"
_MAX_POLICY_BYTES = 256 * 1024
_MAX_WITNESSES = MAX_SIGNATURES - 1  # beside the log's own signature


@dataclass(frozen=True)
class PolicyLog:
    """A log whose checkpoints are accepted, by its key; the key's name is the log's origin."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class PolicyWitness:
    """A witness under the name that it has in this policy."""

    name: str
    key: CosignerKey
    url: str | None = None
    """Its submission prefix, for those who ask it for cosignatures."""


@dataclass(frozen=True)
class Group:
    """It witnesses a checkpoint when ``threshold`` of its members do."""

    name: str
    threshold: int
    members: tuple[str, ...]
    """Witnesses and groups that are defined before it."""


@dataclass(frozen=True)
class Policy:
    """A checkpoint is valid that one of the logs signed and that the quorum witnessed."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[Group, ...]
    """In their order in the text: each refers to those before it only."""
    quorum: str
    """A witness, a group, or :data:`NO_QUORUM`."""

    def satisfied_by(self, cosigned: Collection[str]) -> bool:
        """Whether the quorum is reached when these witnesses (by their names here) cosigned."""
        witnessing = set(cosigned)
        for group in self.groups:  # in order, without recursion: a hostile text can't exhaust the stack
            if sum(member in witnessing for member in group.members) >= group.threshold:
                witnessing.add(group.name)
        return self.quorum == NO_QUORUM or self.quorum in witnessing


def log_policy(key: VerifierKey) -> Policy:
    """A policy that trusts one log and asks no witness."""
    return Policy((PolicyLog(key),), (), (), NO_QUORUM)


def format_policy(policy: Policy) -> str:
    """The text of a policy file."""
    lines = [_line("log", log.key.text, log.url or "") for log in policy.logs]
    lines += [format_witness(given) for given in policy.witnesses]
    lines += [_line("group", group.name, str(group.threshold), *group.members) for group in policy.groups]
    return "\n".join([*lines, _line("quorum", policy.quorum)]) + "\n"


def format_witness(witness: PolicyWitness) -> str:
    """A witness's line of a policy file, without its end."""
    return _line("witness", witness.name, witness.key.text, witness.url or "")


def parse_policy(text: str | bytes) -> Policy:
    """Read a policy file.

    Raises:
        MalformedPolicy: it is none; says in which line.
    """
    # Octets above 0x7F are opaque ("Character set"): surrogates keep them as they are, even when they are no UTF-8.
    try:
        encoded = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise MalformedPolicy(0, "a policy is a text of octets") from error
    if len(encoded) > _MAX_POLICY_BYTES:
        raise MalformedPolicy(0, f"a policy of more than {_MAX_POLICY_BYTES} bytes")
    if any((octet < 0x20 and octet not in b"\t\n") or octet == 0x7F for octet in encoded):
        raise MalformedPolicy(0, "control characters other than tab and newline")
    if encoded and not encoded.endswith(b"\n"):
        raise MalformedPolicy(encoded.count(b"\n") + 1, "the line does not end: is the file cut off?")
    reader = _Reader()
    for number, line in enumerate(encoded.decode(errors="surrogateescape").split("\n"), start=1):
        try:
            reader.read(_items(line))
        except (MalformedNote, _WrongLine) as error:
            raise MalformedPolicy(number, str(error)) from error
    return reader.policy()


def cosigners(note: Note, policy: Policy) -> dict[str, int]:
    """The witnesses of the policy that cosigned, and the time of each (seconds since 1970).

    Raises:
        SignatureError: a line claims to be of a witness of the policy and does not hold.
    """
    return {
        witness.name: witness.key.verify(note)
        for witness in policy.witnesses
        if note.of(witness.key.name, witness.key.key_id)
    }


def verify_policy(note: str | bytes, policy: Policy) -> Checkpoint:
    """The checkpoint in a note that the policy holds for.

    Raises:
        MalformedNote: no signed checkpoint.
        SignatureError: none of the policy's logs signed it, or a signature of a known key does not hold.
        QuorumMissed: too few of the witnesses cosigned it.
    """
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed)
    known = [log.key for log in policy.logs if log.key.name == checkpoint.origin]
    signed = [key for key in known if parsed.of(key.name, key.key_id)]
    if not signed:
        raise SignatureError(checkpoint.origin, "the note bears no signature of a log of the policy")
    for key in signed:
        key.verify(parsed)
    cosigned = cosigners(parsed, policy)
    if not policy.satisfied_by(cosigned):
        missing = [witness.name for witness in policy.witnesses if witness.name not in cosigned]
        raise QuorumMissed(policy.quorum, cosigned, missing)
    return checkpoint


class _WrongLine(Exception):
    """What is wrong with a line."""


class _Keyed(Protocol):
    @property
    def public_bytes(self) -> bytes: ...


class _Reader:
    """Takes the lines of a policy one after another."""

    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._free: dict[str, bool] = {}
        """Every defined name; False once a group has it as a member."""
        self._keys: dict[str, set[bytes]] = {"log": set(), "witness": set()}

    def read(self, items: list[str]) -> None:
        match items:
            case []:
                pass
            case ["log", vkey, *url] if len(url) <= 1:
                log = PolicyLog(VerifierKey.parse(vkey), *url)
                self._take_key("log", log.key)
                self._logs.append(log)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                witness = PolicyWitness(name, CosignerKey.parse(vkey), *url)
                self._take_key("witness", witness.key)
                self._define(name)
                self._witnesses.append(witness)
            case ["group", name, threshold, first, *rest]:
                self._groups.append(self._group(name, threshold, (first, *rest)))
            case ["quorum", name]:
                self._read_quorum(name)
            case [keyword, *_]:
                raise _WrongLine(f"{keyword!r} begins no line of this form")

    def policy(self) -> Policy:
        if self._quorum is None:
            raise MalformedPolicy(0, "no quorum line: write 'quorum none' to ask for no cosignature")
        if len(self._witnesses) > _MAX_WITNESSES:
            raise MalformedPolicy(0, f"more than {_MAX_WITNESSES} witnesses: no note has room for more cosignatures")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _take_key(self, role: str, key: _Keyed) -> None:
        if key.public_bytes in self._keys[role]:
            raise _WrongLine(f"the key of another {role}")
        self._keys[role].add(key.public_bytes)

    def _define(self, name: str) -> None:
        if name in self._free or name == NO_QUORUM:
            raise _WrongLine(f"the name {name!r} is taken")
        self._free[name] = True

    def _group(self, name: str, threshold: str, members: tuple[str, ...]) -> Group:
        for member in members:
            if member not in self._free:
                raise _WrongLine(f"{member!r} is not defined before")
            if not self._free[member]:
                raise _WrongLine(f"{member!r} is a member of a group already")  # it would count twice
            self._free[member] = False
        self._define(name)
        return Group(name, _threshold(threshold, len(members)), members)

    def _read_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise _WrongLine("a second quorum")
        if name != NO_QUORUM and name not in self._free:
            raise _WrongLine(f"{name!r} is not defined before")
        self._quorum = name


def _items(line: str) -> list[str]:
    """What stands between spaces and tabs: no other white space separates."""
    items = [item for item in line.replace("\t", " ").split(" ") if item]
    return [] if items and items[0].startswith("#") else items


def _threshold(text: str, members: int) -> int:
    if text in ("any", "all"):
        return 1 if text == "any" else members
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= members):
        raise _WrongLine(f"the threshold {text!r} is not any, all or a number from 1 to {members}")
    return int(text)


def _line(*items: str) -> str:
    return " ".join(item for item in items if item)
