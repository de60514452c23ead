"""Of what an image was built, signed by whoever built it: SLSA provenance in an in-toto statement in a DSSE envelope.

``python -m evote_images.provenance PUBLIC.pem PROVENANCE IMAGE.tar`` says whether the archive is the one that the key's
holder built, and of which commit; ``cosign verify-blob-attestation`` verifies the same file.
(in-toto Statement v1; SLSA Provenance v1; DSSE v1, in a Sigstore bundle v0.3.)
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from .parts import ROOT, Part, models, run

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
"""What cosign 3 reads; of the envelope alone it makes nothing."""
_LOCKS: Final = (
    "uv.lock",
    "web/package-lock.json",
    "libs/belenios-core/Cargo.lock",
    "deploy/monitoring/collector/go.sum",
)
_PACKAGES: Final = tuple(f":(glob){folder}/*/evote_*/**" for folder in ("libs", "services", "clients"))
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


class UnusableKey(Exception):
    """A file holds no key that signs here."""


class NotProven(Exception):
    """An archive isn't what the signed statement is about, or nobody known signed it."""


def read_key(path: Path) -> PrivateKey:
    """The key that signs: Ed25519, or ECDSA on P-256 as cosign makes them; raises :class:`UnusableKey`."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UnusableKey(f"{path} holds no private key without a password (PEM): {error}") from error
    if isinstance(key, ed25519.Ed25519PrivateKey) or _is_p256(key):
        return key  # type: ignore[return-value]  # by _is_p256
    raise UnusableKey(f"{path}: the key has to be Ed25519, or of the curve P-256")


def statement_of(part: Part, digest: str, registry: str, root: Path) -> dict[str, Any]:
    """What is signed: the image, and commit, lock files, root of Debian's packages and parameters that it follows from.

    No time and no machine: the same build has the same statement.
    """
    commit = {"gitCommit": run("git", "rev-parse", "HEAD").strip()}
    locks = [{"uri": f"file:{lock}", "digest": {"sha256": _sha256(ROOT / lock)}} for lock in _LOCKS]
    # Debian's mirror has other packages another day: of which ones this image is made, no commit says.
    base = {"uri": "urn:tsukuba-evote:root:mmdebstrap", "digest": {"sha256": _sha256(root)}}
    weights = [{"uri": f"file:weights/{name}", "digest": {"sha256": of}} for name, of in models(part).items()]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"{registry}/{part.name}", "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:tsukuba-evote:build:make-images:v1",
                # Whoever built of files that no commit has must not seem to have built of the commit.
                "externalParameters": {"part": part.name, "registry": registry, "uncommittedChanges": changed(ROOT)},
                "resolvedDependencies": [{"uri": "git:tsukuba-evote", "digest": commit}, *locks, base, *weights],
            },
            "runDetails": {"builder": {"id": "urn:tsukuba-evote:builder:make-images"}},
        },
    }


def changed(tree: Path) -> bool:
    """Whether an image of this checkout may hold what its commit doesn't: changed files, new ones, or ignored ones.

    Of those git ignores, a wheel takes what is in a package and isn't Python's bytecode.
    """
    git = ("git", "-C", str(tree))
    if run(*git, "status", "--porcelain", "--untracked-files=all").strip():
        return True
    ignored = run(*git, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *_PACKAGES)
    return any(name and not name.endswith(".pyc") for name in ignored.split("\0"))


def signed(statement: dict[str, Any], key: PrivateKey) -> str:
    """The bundle with the envelope, as JSON."""
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    message = _encoded(payload)
    signature = key.sign(message) if isinstance(key, ed25519.Ed25519PrivateKey) else key.sign(message, _ECDSA)
    envelope = {
        "payloadType": _PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
    }
    material = {"publicKey": {"hint": ""}}
    return json.dumps({"mediaType": _BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}) + "\n"


def verify(bundle: str, key: PublicKey, digest: str) -> dict[str, Any]:
    """The statement, when the key signed it and it is about the image of this digest; raises :class:`NotProven`."""
    try:
        read = json.loads(bundle)["dsseEnvelope"]
        payload = base64.b64decode(read["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in read["signatures"]]
        kind = read["payloadType"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise NotProven("the provenance is no bundle with a DSSE envelope") from error
    if kind != _PAYLOAD_TYPE or not any(_holds(key, one, _encoded(payload)) for one in signatures):
        raise NotProven("the key's holder did not sign this provenance")
    statement: dict[str, Any] = json.loads(payload)
    if {"sha256": digest.removeprefix("sha256:")} not in [one["digest"] for one in statement["subject"]]:
        raise NotProven(f"the provenance is about another image than {digest}")
    return statement


def digest_of(archive: Path) -> str:
    """The digest by which a registry and the chart's values know an archive that ``make images`` wrote."""
    return str(_manifest_of(archive)["digest"])


def name_of(archive: Path) -> str:
    """The name by which an engine calls an archive's image, with registry and tag."""
    return str(_manifest_of(archive)["annotations"]["io.containerd.image.name"])


def revision_of(archive: Path) -> str:
    """The commit that an archive's image says it was built of; nothing is signed by that."""
    manifest = _read(archive, _blob(digest_of(archive)))
    return str(
        _read(archive, _blob(manifest["config"]["digest"]))["config"]["Labels"]["org.opencontainers.image.revision"]
    )


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _manifest_of(archive: Path) -> dict[str, Any]:
    found: dict[str, Any] = _read(archive, "index.json")["manifests"][0]
    return found


def _read(archive: Path, name: str) -> dict[str, Any]:
    with tarfile.open(archive) as image:
        file = image.extractfile(name)
        if file is None:
            raise NotProven(f"{archive} is no image")
        found: dict[str, Any] = json.loads(file.read())
        return found


def _encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), len(payload), payload)


def _holds(key: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, _ECDSA)
    except InvalidSignature:
        return False
    return True


def _is_p256(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """Verify one image."""
    arguments = argparse.ArgumentParser(prog="evote_images.provenance", description="Verify an image's provenance.")
    for name, what in {"key": "PEM of the builder's public key", "provenance": "its file", "image": "archive"}.items():
        arguments.add_argument(name, type=Path, help=what)
    asked = arguments.parse_args()
    try:
        key = load_pem_public_key(asked.key.read_bytes())
        if not (isinstance(key, ed25519.Ed25519PublicKey) or _is_p256(key)):
            raise NotProven(f"{asked.key}: the key has to be Ed25519, or of the curve P-256")
        digest = digest_of(asked.image)
        statement = verify(asked.provenance.read_text("utf-8"), key, digest)  # type: ignore[arg-type]  # by _is_p256
    except (OSError, ValueError, KeyError, tarfile.TarError, NotProven) as error:
        print(f"evote_images.provenance: {error}", file=sys.stderr)
        return 1
    built = statement["predicate"]["buildDefinition"]
    commit = built["resolvedDependencies"][0]["digest"]["gitCommit"]
    changed = ", with changes that no commit has" if built["externalParameters"]["uncommittedChanges"] else ""
    print(f"{digest}: built of {commit}{changed}, as the holder of {asked.key} says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
