"""``evote-backup keygen | make | check | restore``: wiring only."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from evote_tlog.display import visible, visible_lines

from .checking import check_set, require_kept
from .errors import BackupRefused
from .making import Wanted, make_set
from .manifest import Statement, parse_fingerprint
from .restoring import restore_set
from .sealing import Recipient, create_identity, parse_recipient, read_identity

_NEXT = {
    "kafka": "each folder kafka-N becomes a log folder of the broker that it names; start the brokers, then"
    " ledger-anchor while the witnesses answer: it refuses a log that is shorter than what they cosigned",
    "schema": "`evote-SERVICE migrate`, then `evote-SERVICE replay`, before the service starts",
    "keys": "each folder keys-N goes where it was, with the owner that it had",
}


def main() -> int:
    """The program's entry; returns the exit status."""
    arguments = _parser().parse_args()
    os.umask(0o077)
    try:
        match arguments.command:
            case "keygen":
                _keygen(arguments.identity)
            case "make":
                _make(arguments)
            case "check":
                return _check(arguments.sets, arguments.identity)
            case _:
                _restore(arguments)
    except (BackupRefused, OSError) as error:
        _complain(error)
        return 1
    return 0


def _complain(error: Exception) -> None:
    sys.stderr.write(f"evote-backup: {visible_lines(str(error))}\n")


def _keygen(path: Path) -> None:
    sys.stdout.write(f"{create_identity(path)}\n")
    sys.stderr.write(
        "The line above is public: `make --to` takes it. Who has the file opens every backup that is sealed to it:"
        " it belongs on no machine of the platform: keep it on two media in two places.\n"
    )


def _make(arguments: argparse.Namespace) -> None:
    wanted = Wanted(arguments.kafka, arguments.schema, arguments.keys)
    place, statement = make_set(wanted, arguments.into, arguments.to, arguments.keep_until, _now)
    sys.stdout.write(f"{place}\n{_described(statement)}")
    sys.stderr.write("Note the fingerprint outside of the backup: `restore` asks for it.\n")


def _check(sets: list[Path], identity_file: Path | None) -> int:
    """Each set by itself: one that is damaged says nothing of the others."""
    identity = None if identity_file is None else read_identity(identity_file)
    status = 0
    for folder in sets:
        try:
            statement = check_set(folder, identity)
            require_kept(folder, statement.manifest, _now().date())
        except (BackupRefused, OSError) as error:
            _complain(error)
            status = 1
        else:
            how = "whole" if identity is None else "whole, and every seal opens"
            sys.stdout.write(f"{visible(str(folder))}: {how}\n{_described(statement)}")
    return status


def _restore(arguments: argparse.Namespace) -> None:
    statement = restore_set(
        arguments.set, read_identity(arguments.identity), arguments.fingerprint, arguments.into, _now().date()
    )
    sys.stdout.write(_described(statement))
    for kind in dict.fromkeys(file.holds.kind for file in statement.manifest.files):
        sys.stdout.write(f"next: {_NEXT[kind]}\n")
    sys.stdout.write("at last: evote-verify over what was saved before the loss (docs/runbooks/backup.md)\n")


def _described(statement: Statement) -> str:
    manifest = statement.manifest
    age = _now() - manifest.made_at
    lines = [f"  made {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, {_told(age)} ago; kept until {manifest.keep_until}"]
    lines += [f"  {file.file}: {file.holds.told}, {file.size} bytes" for file in manifest.files]
    lines += [f"  opens with the key of {recipient}" for recipient in manifest.recipients]
    lines.append(f"  fingerprint {statement.fingerprint}")
    return "".join(f"{visible(line)}\n" for line in lines)


def _told(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds())) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def _now() -> datetime:
    return datetime.now(UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evote-backup",
        description="Backups of what no replay brings back (docs/runbooks/backup.md). The database is reached as psql"
        " reaches it: PGHOST, PGPORT, PGUSER, PGPASSFILE, PGDATABASE …",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    keygen = commands.add_parser("keygen", help="make the key that opens backups; prints its public half")
    keygen.add_argument("--identity", required=True, type=Path, help="the new file of the secret key")
    make = commands.add_parser("make", help="make a set: whole, or not at all")
    make.add_argument("--into", required=True, type=Path, metavar="SETS", help="the folder of all sets")
    make.add_argument(
        "--to", required=True, action="append", type=_recipient, metavar="KEY", help="age1…, opens the set; may repeat"
    )
    make.add_argument(
        "--keep-until", required=True, type=date.fromisoformat, metavar="DATE", help="the last day it may be put back"
    )
    make.add_argument(
        "--kafka", action="append", default=[], type=Path, help="log folder of a stopped broker, or of a snapshot"
    )
    make.add_argument("--schema", action="append", default=[], choices=("auth", "biometric"), help="vault to dump")
    make.add_argument("--keys", action="append", default=[], type=Path, help="folder of keys")
    check = commands.add_parser("check", help="read every byte of sets, and open them if there is a key")
    check.add_argument("sets", nargs="+", type=Path, metavar="SET")
    check.add_argument("--identity", type=Path, help="file of the secret key")
    restore = commands.add_parser("restore", help="put a set back into empty places")
    restore.add_argument("set", type=Path, metavar="SET")
    restore.add_argument("--identity", required=True, type=Path, help="file of the secret key")
    restore.add_argument(
        "--fingerprint", required=True, type=parse_fingerprint, help="as it was noted when the set was made"
    )
    restore.add_argument("--into", type=Path, metavar="FOLDER", help="a new folder, for the folders of the set")
    return parser


def _recipient(text: str) -> Recipient:
    try:
        return parse_recipient(text)
    except BackupRefused as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
