"""A PostgreSQL server on the loopback interface, from Debian's binaries, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from .ports import LOOPBACK, free_port
from .processes import ChildProcess, ProcessFailed
from .tls import LocalAuthority

_SUPERUSER = "evote"
_DATABASE_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_UNPRIVILEGED = ("postgres", "nobody")
_ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": "1048576"}
"""The C library learns from each large block that is freed to keep as much, and twice that at its heap's end: behind
some statements a session would hold two or three times what it uses, which looks like memory that ballots take. Told
how much to keep there, it learns nothing (mallopt(3)). With less, a round of many ballots would ask the system for
memory each time."""


class PostgresServer:
    """PostgreSQL over one data folder and port: it can be stopped or killed, and started again."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        authority: LocalAuthority | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """``directory`` holds data, password and log; the user ``postgres`` must be able to enter it.

        With an ``authority`` the server takes TLS too, with a certificate for the loopback address. ``settings`` are
        further ones of PostgreSQL's own.
        """
        self._authority = authority
        self._settings = settings
        self.directory = directory
        self.port = port if port is not None else free_port()
        self._user = _unprivileged_user()
        self._binaries = _find_binaries()
        self._process: ChildProcess | None = None

    @property
    def log_path(self) -> Path:
        """What the server wrote to its output."""
        return self.directory / "postgres.log"

    def start(self, *, timeout_s: float = 60) -> None:
        """Make the cluster when it is new, start the server and wait until it takes connections."""
        if self._process is not None and self._process.running:
            return
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **self._settings,
            **self._tls_settings(),
        }
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = ChildProcess(
            "PostgreSQL",
            command,
            log_path=self.log_path,
            environment={**os.environ, **_ENVIRONMENT},
            user=self._user,
            working_directory=self._data,
        )
        self._process.wait_until(self._is_ready, timeout_s=timeout_s)

    def stop(self) -> None:
        """Fast shutdown: sessions are rolled back, the data stays."""
        if self._process is not None:
            self._process.stop(timeout_s=30, with_signal=signal.SIGINT)

    def kill(self) -> None:
        """``kill -9`` for the server and its sessions; start() recovers from the write-ahead log."""
        if self._process is not None:
            self._process.kill()

    def dsn(self, database: str) -> str:
        """The connection URL of a database as its superuser, password included."""
        return self.dsn_of(_SUPERUSER, self._password, database)

    def dsn_of(self, role: str, password: str, database: str) -> str:
        """The connection URL of a database as another role; the password needs no quoting."""
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database, empty or as a copy of another that nobody is connected to; its connection URL."""
        self._client("createdb", "--encoding=UTF8", f"--template={_checked(template)}", _checked(name))
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, together with the sessions that use it."""
        self._client("dropdb", "--force", "--if-exists", _checked(name))

    def dump_schema(self, database: str, schema: str, into: Path) -> None:
        """A backup of one schema, with its owner and its grants, as ``pg_dump`` makes it."""
        self._ask(
            "pg_dump", f"--dbname={_checked(database)}", f"--schema={schema}", "--format=custom", f"--file={into}"
        )

    def restore_schema(self, database: str, backup: Path) -> None:
        """Put back a schema that isn't there, all of it or nothing."""
        self._ask(
            "pg_restore", f"--dbname={_checked(database)}", "--exit-on-error", "--single-transaction", str(backup)
        )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _password(self) -> str:
        return (self.directory / "password").read_text()

    def _tls_settings(self) -> dict[str, str]:
        if self._authority is None:
            return {}
        identity = self._authority.issue("postgres")
        settings = {"ssl": "on"}
        for name, path in {"ssl_cert_file": identity.certificate_file, "ssl_key_file": identity.key_file}.items():
            # The server refuses a key that others can read, and must be able to read it itself.
            own = Path(shutil.copy(path, self._data / path.name))
            own.chmod(0o600)
            if self._user is not None:
                shutil.chown(own, self._user)
            settings[name] = str(own)
        return settings

    def _initialise(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_urlsafe(24))
        if self._user is not None:
            for path in (self.directory, password_file):
                shutil.chown(path, self._user)
        command = [str(self._binaries / "initdb"), "-D", str(self._data), "--username", _SUPERUSER]
        command += [
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        done = subprocess.run(  # noqa: S603 - Debian's initdb
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=self._user,
            cwd="/",
        )
        if done.returncode != 0:
            hint = f" (can the user {self._user} enter {self.directory} and the folders above it?)"
            reason = f"initdb ended with status {done.returncode}{hint if self._user else ''}"
            raise ProcessFailed("PostgreSQL", reason, done.stderr.strip())

    def _is_ready(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - Debian's pg_isready

    def _client(self, program: str, *arguments: str) -> None:
        self._ask(program, "--maintenance-db=postgres", *arguments)

    def _ask(self, program: str, *arguments: str) -> None:
        connection = ["-h", LOOPBACK, "-p", str(self.port), "-U", _SUPERUSER, "--no-password"]
        done = subprocess.run(  # noqa: S603 - Debian's client programs
            [str(self._binaries / program), *connection, *arguments],
            env={"PGPASSWORD": self._password, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed("PostgreSQL", f"{program}: {done.stderr.strip()}", "")


def _checked(name: str) -> str:
    if not _DATABASE_NAME.match(name):
        raise ValueError(f"not a plain database name: {name!r}")
    return name


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to become, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in _UNPRIVILEGED:
        if name in known:
            return name
    raise ProcessFailed("PostgreSQL", f"run as root without a user {' or '.join(_UNPRIVILEGED)}", "")


def _find_binaries() -> Path:
    """The newest of Debian's ``/usr/lib/postgresql/*/bin``, else where ``initdb`` is on the PATH."""
    debian = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "initdb").exists()]
    if debian:
        return max(debian, key=lambda path: int(path.parent.name))
    initdb = shutil.which("initdb")
    if initdb is None:
        raise ProcessFailed("PostgreSQL", "not installed (Debian: apt-get install postgresql)", "")
    return Path(initdb).resolve().parent
