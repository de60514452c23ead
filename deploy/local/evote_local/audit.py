"""Whether anything that is locked is known to be vulnerable: ``make audit``.

pip-audit is asked about ``uv.lock``, ``npm audit`` about each ``package-lock.json``, and cargo-audit, where it is
installed, about each ``Cargo.lock``, and so is cargo-deny, by the rules in ``deny.toml``. The status is 0 when all
answered that nothing is known, 1 when something is, and 2 when there was something that a source didn't answer for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evote_tlog.display import visible
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

ROOT: Final = Path(__file__).parents[3]
_UV: Final = str(ROOT / ".tools/bin/uv")
PIP_AUDIT: Final = "pip-audit==2.10.0"
INSTALL_CARGO_AUDIT: Final = "cargo install --locked cargo-audit"
INSTALL_CARGO_DENY: Final = "make crates"
WITHIN_S: Final = 1800.0
"""pip-audit asks about one package after the other."""
NOTHING_KNOWN, SOMETHING_KNOWN, NOT_ANSWERED = 0, 1, 2


@dataclass(frozen=True)
class Audit:
    """What one source said of one lock file."""

    of: str
    known: tuple[str, ...]
    """Vulnerabilities, a line each."""
    unanswered: tuple[str, ...]
    """What the source was asked and didn't answer for, and why; a line each."""


class _Vulnerability(BaseModel):
    id: str
    fix_versions: Sequence[str] = ()


class _Package(BaseModel):
    name: str
    version: str = ""
    skip_reason: str | None = None
    vulns: Sequence[_Vulnerability] = ()


class _PipAudit(BaseModel):
    """What ``pip-audit --format json`` prints."""

    dependencies: Sequence[_Package]


class _Vulnerable(BaseModel):
    severity: str
    range: str


class _NpmAudit(BaseModel):
    """What ``npm audit --json`` prints, version 2 of its report."""

    vulnerabilities: Mapping[str, _Vulnerable]


class _Crate(BaseModel):
    name: str
    version: str


class _Advisory(BaseModel):
    id: str


class _Versions(BaseModel):
    patched: Sequence[str] = ()


class _VulnerableCrate(BaseModel):
    package: _Crate
    advisory: _Advisory
    versions: _Versions


class _VulnerableCrates(BaseModel):
    list: Sequence[_VulnerableCrate]


class _Lockfile(BaseModel):
    dependency_count: int = Field(alias="dependency-count")


class _CargoAudit(BaseModel):
    """What ``cargo audit --json`` prints."""

    lockfile: _Lockfile
    vulnerabilities: _VulnerableCrates


class _DenyFields(BaseModel):
    severity: str = ""
    code: str = ""
    message: str = ""


class _CargoDeny(BaseModel):
    """A line that ``cargo deny --format json`` prints."""

    type: str
    fields: _DenyFields


class _NpmRefusal(BaseModel):
    """What ``npm audit --json`` prints when the registry gave no report."""

    message: str


def read_pip_audit(of: str, output: str, errors: str) -> Audit:
    """From what pip-audit printed.

    A package that it skips was not judged: when its source is out of reach it calls every package "not found on PyPI"
    and ends with status 0 and "No known vulnerabilities found".
    """
    try:
        packages = _PipAudit.model_validate_json(output).dependencies
    except ValidationError:
        return Audit(of, (), (_last_line(errors),))
    known = (
        f"{package.name} {package.version}: {found.id}"
        + (f", mended in {', '.join(found.fix_versions)}" if found.fix_versions else ", not mended yet")
        for package in packages
        for found in package.vulns
    )
    skipped = (package.skip_reason for package in packages if package.skip_reason is not None)
    # A report about nothing is no answer: the list of packages may have come out empty.
    return Audit(of, tuple(known), tuple(skipped) if packages else ("pip-audit was given no packages",))


def read_npm_audit(of: str, output: str, errors: str) -> Audit:
    """From what ``npm audit`` printed: a report, or why there is none."""
    try:
        report = TypeAdapter[_NpmAudit | _NpmRefusal](_NpmAudit | _NpmRefusal).validate_json(output)
    except ValidationError:
        return Audit(of, (), (_last_line(errors),))
    match report:
        case _NpmAudit(vulnerabilities=vulnerabilities):
            known = (f"{name} {found.range}: {found.severity}" for name, found in vulnerabilities.items())
            return Audit(of, tuple(known), ())
        case _NpmRefusal(message=message):
            return Audit(of, (), (message,))


def read_cargo_audit(of: str, output: str, errors: str) -> Audit:
    """From what ``cargo audit`` printed: a report, or, where its database is out of reach, an error."""
    try:
        report = _CargoAudit.model_validate_json(output)
    except ValidationError:
        return Audit(of, (), (_last_line(errors),))
    known = (
        f"{found.package.name} {found.package.version}: {found.advisory.id}"
        + (f", mended in {', '.join(found.versions.patched)}" if found.versions.patched else ", not mended yet")
        for found in report.vulnerabilities.list
    )
    # A report about nothing is no answer.
    return Audit(of, tuple(known), () if report.lockfile.dependency_count else ("cargo-audit read no packages",))


def read_cargo_deny(of: str, output: str) -> Audit:
    """From the lines that ``cargo deny --format json check`` printed: what breaks ``deny.toml``, then a summary."""
    known, ended = [], False
    for line in output.splitlines():
        try:
            said = _CargoDeny.model_validate_json(line)
        except ValidationError:
            continue
        ended = ended or said.type == "summary"
        if said.type == "diagnostic" and said.fields.severity == "error":
            known.append(f"{said.fields.code}: {said.fields.message}")
    return Audit(of, tuple(known), () if ended else (_last_line(output),))


def status(audits: Sequence[Audit]) -> int:
    """What the program ends with; what is known comes before what nobody answered for."""
    if any(audit.known for audit in audits):
        return SOMETHING_KNOWN
    return NOT_ANSWERED if any(audit.unanswered for audit in audits) else NOTHING_KNOWN


def lines(audit: Audit) -> Iterator[str]:
    """A line for the lock file, then what was found, then the first that got no answer: the rest say the same."""
    yield f"{audit.of}: {len(audit.known)} known, {len(audit.unanswered)} not answered"
    yield from (f"  known: {visible(line)}" for line in audit.known)
    yield from (f"  not answered, as: {visible(line)}" for line in audit.unanswered[:1])


def ask_pip_audit(lock: Path) -> Audit:
    """About all packages of a ``uv.lock`` but our own."""
    of = f"pip-audit, {lock.relative_to(ROOT)}"
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        export = ("export", "--frozen", "--all-packages", "--all-groups", "--no-emit-workspace", "--quiet")
        subprocess.run(  # noqa: S603 - our own uv
            [_UV, *export, "--format", "requirements.txt", "--output-file", str(wanted)],
            cwd=lock.parent,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        audit = ("pip-audit", "--disable-pip", "--format", "json", "--progress-spinner", "off", "-r", str(wanted))
        return read_pip_audit(of, *_printed([_UV, "tool", "run", "--from", PIP_AUDIT, *audit], folder))


def ask_npm_audit(lock: Path) -> Audit:
    """About a ``package-lock.json``; nothing is installed."""
    command = ["npm", "audit", "--json", "--package-lock-only"]
    return read_npm_audit(f"npm audit, {lock.relative_to(ROOT)}", *_printed(command, str(lock.parent)))


def ask_cargo_audit(lock: Path) -> Audit:
    """About a ``Cargo.lock``; the program is not installed by us, for it takes minutes to compile."""
    of = f"cargo-audit, {lock.relative_to(ROOT)}"
    if shutil.which("cargo-audit") is None:
        return Audit(of, (), (f"cargo-audit is not installed: {INSTALL_CARGO_AUDIT}",))
    return read_cargo_audit(of, *_printed(["cargo-audit", "audit", "--json", "--file", str(lock)], str(lock.parent)))


def ask_cargo_deny(rules: Path) -> Audit:
    """About licences, sources, versions and advisories of the crates beside a ``deny.toml``."""
    of = f"cargo-deny, {rules.relative_to(ROOT)}"
    if shutil.which("cargo-deny") is None:
        return Audit(of, (), (f"cargo-deny is not installed: {INSTALL_CARGO_DENY}",))
    return read_cargo_deny(of, _printed(["cargo-deny", "--format", "json", "check"], str(rules.parent))[1])


def lock_files(name: str) -> list[Path]:
    """Those of the repository that are called so, but not those of what is installed in it."""
    found: list[Path] = []
    for folder, inside, files in os.walk(ROOT):
        inside[:] = [below for below in inside if not below.startswith(".") and below != "node_modules"]
        found += [Path(folder) / name for file in files if file == name]
    return sorted(found)


def main() -> None:
    """Ask about every lock file and print what was said."""
    audits = [ask_pip_audit(lock) for lock in lock_files("uv.lock")]
    audits += [ask_npm_audit(lock) for lock in lock_files("package-lock.json")]
    audits += [ask_cargo_audit(lock) for lock in lock_files("Cargo.lock")]
    audits += [ask_cargo_deny(rules) for rules in lock_files("deny.toml")]
    for audit in audits:
        print(*lines(audit), sep="\n")
    sys.exit(status(audits))


def _printed(command: Sequence[str], folder: str) -> tuple[str, str]:
    """Output and errors; the status isn't looked at, for both programs use 1 for found and for failed."""
    try:
        ended = subprocess.run(  # noqa: S603 - the programs above
            command, cwd=folder, check=False, capture_output=True, text=True, timeout=WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"{command[0]}: {error}"
    return ended.stdout, ended.stderr


def _last_line(errors: str) -> str:
    return next(iter(errors.strip().splitlines()[-1:]), "it said nothing")


if __name__ == "__main__":
    main()
