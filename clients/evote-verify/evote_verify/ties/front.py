"""manifest - officers, manifest - fingerprint, manifest - build, front - manifest: voters are served what was signed.

1. Officers on the auditor's own roster, as many as it takes, signed the manifest that the front serves.
2. It is the manifest whose fingerprint the city published: an older one is signed as well.
3. It lists the files that the sources make, and no other.
4. Every file in it is served as it stands there, to each kind of browser, at the origin that it names; with nothing in
   an answer that makes a browser load, send or keep something else, and a policy that lets the page talk to nobody but
   the services in the signed configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import load
from evote_officers.acts import PUBLISH_FRONT
from evote_officers.commands import CommandRefused, verify_signatures
from evote_officers.roster import Roster

from ..findings import Finding, Outcome, OutOfReach, Tie
from ..reading.front_manifest import (
    CONFIG,
    MANIFEST,
    PAGE,
    Manifest,
    NotAManifest,
    SignedManifest,
    parse_signed,
    sha384,
)
from ..reading.front_server import BROWSERS, Answer, FrontServer
from ..reading.refusals import why_refused

_OLDER: Final = (
    "an older manifest, signed as well, would hold too: compare its time and fingerprint with what the city published, "
    "or give --front-fingerprint"
)
_TYPES: Final = {
    "html": {"text/html"},
    "js": {"application/javascript", "text/javascript"},
    "css": {"text/css"},
    "json": {"application/json"},
}
# Each makes a browser do something that no file of the page says.
_ADDING: Final = (
    "Accept-CH",
    "Content-Security-Policy-Report-Only",
    "Critical-CH",
    "Link",
    "NEL",
    "Refresh",
    "Report-To",
    "Reporting-Endpoints",
    "Set-Cookie",
    "SourceMap",
    "Speculation-Rules",
)
_STRICT: Final = {
    "default-src": {"'none'"},
    "script-src": {"'self'"},
    "worker-src": {"'self'"},
    "style-src": {"'self'"},
    "base-uri": {"'none'"},
    "form-action": {"'none'"},
    "frame-ancestors": {"'none'"},
}
_CARD_AGENT: Final = "http://127.0.0.1:*"


def read_manifest(server: FrontServer) -> SignedManifest | Finding:
    """The manifest that the front serves, or why it is none."""
    try:
        answer = server.get(MANIFEST, BROWSERS[next(iter(BROWSERS))])
    except OutOfReach as error:
        return Finding(Tie.FRONT, Outcome.UNFINISHED, (error.reason,))
    if answer.status != 200:
        return Finding(Tie.FRONT, Outcome.FAILS, (f"the front serves no {MANIFEST}: it answered {_told(answer)}",))
    try:
        return parse_signed(answer.content)
    except NotAManifest as error:
        return Finding(Tie.FRONT, Outcome.FAILS, (f"what the front serves as {MANIFEST} is none: {error.reason}",))


def tie_officers(signed: SignedManifest, roster: Roster) -> Finding:
    """Step 1."""
    try:
        given = verify_signatures(signed.statements, PUBLISH_FRONT, roster)
    except CommandRefused as error:
        return Finding(Tie.FRONT_OFFICERS, Outcome.FAILS, (why_refused(error),))
    command = given.command
    if (command.service, command.method, command.path) != (
        PUBLISH_FRONT.service,
        PUBLISH_FRONT.method,
        PUBLISH_FRONT.path,
    ):
        reason = f"what was signed is for {command.method} {command.path} at {command.service}"
        return Finding(Tie.FRONT_OFFICERS, Outcome.FAILS, (reason,))
    if command.body_sha256 != signed.manifest.fingerprint:
        return Finding(Tie.FRONT_OFFICERS, Outcome.FAILS, ("the officers signed another manifest",))
    time = command.time.isoformat(timespec="seconds")
    return Finding(Tie.FRONT_OFFICERS, Outcome.HOLDS, (f"signed by {given.names} at {time}: {given.reason}",))


def tie_fingerprint(manifest: Manifest, expected: str) -> Finding:
    """Step 2."""
    if manifest.fingerprint != expected:
        reason = f"the manifest's fingerprint is {manifest.fingerprint}, not {expected}"
        return Finding(Tie.FRONT_FINGERPRINT, Outcome.FAILS, (reason,))
    return Finding(Tie.FRONT_FINGERPRINT, Outcome.HOLDS, ("it is the manifest of the fingerprint that was given",))


def tie_build(manifest: Manifest, build: Mapping[str, str]) -> Finding:
    """Step 3."""
    listed = {path: digest for path, digest in manifest.files.items() if path != CONFIG}
    faults = (
        *(f"{path} is in the manifest and not in the build" for path in sorted(listed.keys() - build.keys())),
        *(f"{path} is in the build and not in the manifest" for path in sorted(build.keys() - listed.keys())),
        *(
            f"{path} of the build has another content"
            for path in sorted(listed.keys() & build.keys())
            if listed[path] != build[path]
        ),
    )
    if faults:
        return Finding(Tie.FRONT_BUILD, Outcome.FAILS, faults)
    return Finding(Tie.FRONT_BUILD, Outcome.HOLDS, (f"it lists the {len(build)} files of the build, and no other",))


def tie_front(server: FrontServer, signed: SignedManifest, *, newest_known: bool) -> Finding:
    """Step 4; ``newest_known``: the auditor gave the fingerprint that the city published."""
    manifest = signed.manifest
    faults = list(_origin(server, manifest))
    try:
        for browser, heads in BROWSERS.items():
            for fault in _visit(server, signed, heads):
                faults.append(f"{fault} (asked as {browser})")
    except OutOfReach as error:
        # What was found to be wrong stays found, wherever the server goes.
        if not faults:
            return Finding(Tie.FRONT, Outcome.UNFINISHED, (error.reason,))
    if faults:
        return Finding(Tie.FRONT, Outcome.FAILS, tuple(faults))
    lines = (
        f"{server.origin} serves the {len(manifest.files)} files of its manifest, the page and {CONFIG} included, to "
        f"each of {len(BROWSERS)} kinds of browsers",
        f"the manifest's fingerprint is {manifest.fingerprint}",
        "that nobody else is served another page, this can't show: ask again from other networks, and on other days",
    )
    return Finding(Tie.FRONT, Outcome.HOLDS, lines, () if newest_known else (_OLDER,))


def _origin(server: FrontServer, manifest: Manifest) -> Iterator[str]:
    if manifest.origin != server.origin:
        yield f"the manifest is of {manifest.origin}, and is served at {server.origin}"


def _visit(server: FrontServer, signed: SignedManifest, browser: Mapping[str, str]) -> Iterator[str]:
    """Everything that a browser loads, in the order in which it does, and the manifest."""
    manifest = signed.manifest
    config = server.get(CONFIG, browser)
    yield from _file(config, CONFIG, manifest.files[CONFIG])
    # As a post card's QR code asks, and as somebody who types the address.
    for path in ("?election=00000000000000&lang=en", ""):
        page = server.get(path, browser)
        yield from _file(page, PAGE, manifest.files[PAGE])
        yield from _policy(page, config.content)
    for path, digest in manifest.files.items():
        if path not in (PAGE, CONFIG):
            yield from _file(server.get(path, browser), path, digest)
    again = server.get(MANIFEST, browser)
    if again.status != 200 or again.content != signed.text.encode():
        yield f"{MANIFEST} is another one than before"


def _file(answer: Answer, path: str, digest: str) -> Iterator[str]:
    if answer.status != 200:
        yield f"{path} is not served: the front answered {_told(answer)}"
        return
    if answer.too_long:
        yield f"{path} is longer than any file of a front"
        return
    if sha384(answer.content) != digest:
        yield f"{path} is another one than in the manifest"
    kind, _, charset = answer.headers.get("Content-Type", "").lower().partition(";")
    expected = _TYPES.get(path.rpartition(".")[2])
    if expected is not None and kind.strip() not in expected:
        yield f"{path} is served as {kind.strip() or 'nothing in particular'}"
    # Letters of another encoding are another page of the same bytes.
    if charset.replace(" ", "").replace('"', "") not in ("", "charset=utf-8"):
        yield f"{path} is served with {charset.strip()}"
    for name in _ADDING:
        if name in answer.headers:
            yield f"the answer for {path} has a header {name}"


def _policy(page: Answer, config: bytes) -> Iterator[str]:
    """The page's policy, by the specification of CSP: the first of two directives of one name counts."""
    if page.status != 200:
        return
    policy: dict[str, set[str]] = {}
    said = page.headers.get("Content-Security-Policy", "")
    if "," in said:
        # A comma begins another policy: what follows would be read here as a part of the first one.
        yield "the page has more than one policy"
    for directive in said.split(";"):
        name, *sources = directive.split() or [""]
        policy.setdefault(name.lower(), set(sources))
    for name, sources in _STRICT.items():
        if policy.get(name) != sources:
            yield f"the page's policy does not say {name} {' '.join(sources)}"
    for name in sorted(policy.keys() - _STRICT.keys() - {"", "connect-src"}):
        # Such as report-uri, which sends where it says, or img-src, which is stricter without.
        yield f"the page's policy has a directive that no front needs: {name}"
    if policy.get("connect-src") != _services(config):
        yield "the page's policy lets it talk to others than the services of the configuration"


def _services(config: bytes) -> set[str] | None:
    try:
        document = load(config.decode())
    except (BeleniosError, UnicodeDecodeError):
        return None
    services = document.get("services") if isinstance(document, Mapping) else None
    if not isinstance(services, Mapping):
        return None
    return {"'self'", *map(str, services.values()), *([_CARD_AGENT] if "auth" in services else [])}


def _told(answer: Answer) -> str:
    if answer.status in range(300, 400):
        return f"{answer.status}, which leads to {answer.headers.get('Location', 'nowhere')}"
    return str(answer.status)
