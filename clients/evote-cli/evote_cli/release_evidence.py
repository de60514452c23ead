"""The evidence of one release: opened with the auditor's key, and checked by itself. No network here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_jpki.authorities import Authorities
from evote_phone.id_token import Provider
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from pydantic import Discriminator, Tag, TypeAdapter, ValidationError

from .card_evidence import CardContent, CardEvidence, check_card
from .errors import ReleasesUnreadable
from .face_evidence import FaceContent, FaceEvidence, check_face
from .faults import Fault, Faulty
from .phone_evidence import PhoneContent, check_phone


@dataclass(frozen=True)
class LoggedRelease:
    """A CredentialReleased event, and the evidence that auth holds for it."""

    where: str
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


def _method_of(content: object) -> str:
    # Evidence of before there was another way in doesn't tell its method.
    return str(content.get("method", "card")) if isinstance(content, dict) else ""


_CONTENT: TypeAdapter[CardContent | FaceContent | PhoneContent] = TypeAdapter(
    # Evidence of a method that isn't here is malformed to this program, and said so: never passed over.
    Annotated[
        Annotated[CardContent, Tag("card")]
        | Annotated[FaceContent, Tag("face")]
        | Annotated[PhoneContent, Tag("phone")],
        Discriminator(_method_of),
    ]
)


def read_releases(path: Path) -> Iterator[LoggedRelease]:
    """Read what ``fetch`` saved.

    Raises:
        ReleasesUnreadable: it isn't such a file, or the download stopped before its end.
    """
    count, complete = 0, False
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if complete:
                    raise ReleasesUnreadable(path, "終わりの行の後に続きがあります")
                if "releases" in entry:
                    complete = entry["releases"] == count
                    continue
                count += 1
                sealed = entry["sealed"]
                yield LoggedRelease(
                    f"{entry['partition']}:{entry['offset']}",
                    entry["evidence_sha256"],
                    None if sealed is None else base64.b64decode(sealed, validate=True),
                )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleasesUnreadable(path, type(error).__name__) from error
    if not complete:
        raise ReleasesUnreadable(path, "途中で切れています。もう一度取得してください")


@dataclass(frozen=True)
class Trusted:
    """Whose signatures the auditor relies upon."""

    authorities: Authorities
    """Those whose cards were taken; their revocation lists play no part here."""
    biometric: tuple[Ed25519PublicKey, ...]
    """The keys of verdicts, one after the other; none where no release by face was offered."""
    phone_provider: Provider | None
    """Who vouches for who came by phone; None where no release by phone was offered."""


def open_evidence(
    release: LoggedRelease, election_uuid: str, key: PrivateKey, trusted: Trusted
) -> CardEvidence | FaceEvidence:
    """Open the evidence of a release and check what it says of itself.

    Steps: it is the evidence that the event names, opens with the auditor's key, and holds as evidence of its method:
    see ``check_card``, ``check_face`` and
    ``check_phone``.

    Raises:
        Faulty: the first step that fails.
    """
    if release.sealed is None:
        raise Faulty(Fault.NO_EVIDENCE)
    if sha256(release.sealed).hexdigest() != release.evidence_sha256:
        raise Faulty(Fault.NOT_THE_LOGGED_EVIDENCE)
    try:
        content = _CONTENT.validate_python(json.loads(SealedBox(key).decrypt(release.sealed)))
    except CryptoError:
        raise Faulty(Fault.SEALED_TO_ANOTHER) from None
    except (ValueError, ValidationError):
        raise Faulty(Fault.EVIDENCE_MALFORMED) from None
    if isinstance(content, FaceContent):
        return check_face(content, election_uuid, trusted.biometric)
    if isinstance(content, PhoneContent):
        return check_phone(content, election_uuid, trusted.authorities, trusted.phone_provider)
    return check_card(content, election_uuid, trusted.authorities)
