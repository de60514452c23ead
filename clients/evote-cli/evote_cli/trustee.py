"""What a trustee does with the key: the four steps of the ceremony, and the decryption. No network here.

Every own message is remembered before it is handed out, so a step that is repeated (a lost answer, a
broken medium) gives the same message again. What others sent is remembered too: a server that shows
another history later is found out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from .errors import ArchiveRejected, CommandFailed, MaterialRejected, NothingToDo
from .keyfile import CeremonyRecord, Randomness, RecordKeeper, TrusteeKey, create_key_file
from .material import (
    CEREMONY_STEPS,
    CERTIFICATE,
    COMMITMENT,
    PARTIAL_DECRYPTION,
    POLYNOMIAL,
    STEP_NAMES,
    VOUTPUT,
    Material,
    Message,
)


def generate_key(path: Path, random: Randomness) -> TrusteeKey:
    """Make a trustee's key and write it to a new file."""
    return create_key_file(path, new_seed(random))


def next_step(material: Material) -> str:
    """The step that this trustee has to do now.

    Raises:
        NothingToDo: it is the others' turn, or the ceremony is complete.
    """
    previous: str | None = None
    for step in CEREMONY_STEPS:
        if previous is not None:
            missing = [str(i) for i, text in enumerate(material.received(previous), 1) if text is None]
            if missing:
                raise NothingToDo(
                    f"他のトラスティの{STEP_NAMES[previous]}を待っています（番号 {', '.join(missing)}）"
                )
        if getattr(material.own, step) is None:
            return step
        previous = step
    raise NothingToDo("鍵生成の儀式で、あなたの作業はすべて終わっています")


def sign_step(key: TrusteeKey, keeper: RecordKeeper, material: Material, random: Randomness) -> Message:
    """Produce the message of the step that is next.

    Raises:
        NothingToDo: it is not this trustee's turn.
        MaterialRejected: the material contradicts the protocol, or what was shown before.
    """
    step = next_step(material)
    record = keeper.load(material.election_uuid, material.trustee)
    _check_history(record, material)
    try:
        record, body = _STEPS[step](key, record, material, random)
    except BeleniosError as error:
        raise MaterialRejected(f"{error.rule}: {error.detail}") from error
    keeper.save(record)
    return Message(material.election_uuid, material.trustee, step, body)


def _check_history(record: CeremonyRecord, material: Material) -> None:
    own = material.own
    expected = {
        CERTIFICATE: record.certificate,
        COMMITMENT: None if record.polynomial is None else _sha256(record.polynomial),
        POLYNOMIAL: record.polynomial,
        VOUTPUT: record.voutput,
    }
    for step, remembered in expected.items():
        shown = getattr(own, step)
        if remembered is not None and shown is not None and shown != remembered:
            raise MaterialRejected(f"あなたの{STEP_NAMES[step]}がすり替えられています")
    if record.certificates and record.certificates != material.received(CERTIFICATE):
        raise MaterialRejected("証明書が、多項式を作ったときから変わっています")
    if record.commitments and record.commitments != material.received(COMMITMENT):
        raise MaterialRejected("コミットメントが、多項式を公開したときから変わっています")
