"""``evote-witness keygen | serve | evidence``: wiring only."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from contextlib import suppress
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import VerifierKey
from evote_tlog.cosignature import Cosigner, CosignerKey
from evote_tlog.display import visible, visible_lines
from evote_tlog.errors import MalformedNote
from evote_tlog.policy import PolicyWitness, format_witness
from evote_tlog.text import check_key_name

from .app import create_app
from .errors import FileExists, UnusableKey, UnusableState
from .key import create_key, read_key
from .silence import Silence
from .state import WitnessState, create_state
from .witness import Witness

_MAX_CONNECTIONS = 100
_KEEP_ALIVE_S = 75
_HELD_HEADERS_BYTES = 16 * 1024
_FINISH_WITHIN_S = 5


def main() -> int:
    """The program's entry; returns the exit status."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        match arguments.command:
            case "keygen":
                return _keygen(arguments.name, arguments.key, arguments.state)
            case "evidence":
                return _evidence(arguments.state)
        return _serve(arguments)
    except (FileExists, UnusableKey, UnusableState, OSError) as error:
        sys.stderr.write(f"evote-witness: {visible(str(error))}\n")
        return 1


def open_cosigner(key: Ed25519PrivateKey, state: WitnessState) -> Cosigner:
    """The cosigner that a state was made for; raises :class:`UnusableState` when the key is another one's."""
    cosigner = Cosigner(CosignerKey.parse(state.vkey).name, key)
    if cosigner.verifier.text != state.vkey:
        raise UnusableState(state.path, f"made for the key {state.vkey}, which is not the one in the key file")
    return cosigner


def _keygen(name: str, key_path: Path, state_path: Path) -> int:
    if state_path.exists():
        raise FileExists(state_path)
    verifier = CosignerKey(name, create_key(key_path).public_key())
    create_state(state_path, verifier.text)
    sys.stdout.write(f"{verifier.text}\n")
    line = format_witness(PolicyWitness(name, verifier, f"https://{name}"))
    sys.stderr.write(
        f"Publish the key above. The city adds this line to its witness policy (and its name to a group there);\n"
        f"the address is where this witness will answer:\n{line}\n"
    )
    return 0


def _evidence(state_path: Path) -> int:
    forks = WitnessState(state_path).forks()
    for fork in forks:
        # The state file has the notes as they were signed.
        cosigned, forked = visible_lines(fork.cosigned), visible_lines(fork.forked)
        sys.stdout.write(f"--- cosigned here ---\n{cosigned}--- also signed by the log ---\n{forked}\n")
    if not forks:
        sys.stderr.write("no log has shown this witness two roots for one size\n")
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    state = WitnessState(arguments.state)
    cosigner = open_cosigner(read_key(arguments.key), state)
    silence = Silence(arguments.alarm_after * 60, time.monotonic)
    app = create_app(Witness(cosigner, arguments.log, state, lambda: int(time.time()), silence))
    sys.stderr.write(f"witness {cosigner.verifier.text}\n")
    config = uvicorn.Config(
        app,
        host=arguments.host,
        port=arguments.port,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # who asks is nobody's business
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        h11_max_incomplete_event_size=_HELD_HEADERS_BYTES,
        timeout_graceful_shutdown=_FINISH_WITHIN_S,
    )
    with state.alone(), suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evote-witness", description="A witness for transparency logs.")
    commands = parser.add_subparsers(dest="command", required=True)
    keygen = commands.add_parser("keygen", help="make a key and an empty state, once; prints the verifier key")
    keygen.add_argument("--name", required=True, type=_name, help="such as witness.university.example")
    serve = commands.add_parser("serve", help="cosign the checkpoints of logs")
    serve.add_argument(
        "--log", required=True, action="append", type=_vkey, help="a log's verifier key; may be repeated"
    )
    serve.add_argument(
        "--alarm-after", type=_minutes, default=10, metavar="MINUTES", help="say it when no log has asked for so long"
    )
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", default=7380, type=int)
    evidence = commands.add_parser("evidence", help="print notes that prove that a log has forked")
    for command in (keygen, serve):
        command.add_argument("--key", required=True, type=Path, help="file of the private key")
    for command in (keygen, serve, evidence):
        command.add_argument("--state", required=True, type=Path, help="file of what was cosigned last")
    return parser


def _vkey(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except MalformedNote as error:
        raise argparse.ArgumentTypeError(error.reason) from error


def _minutes(text: str) -> int:
    minutes = int(text)
    if minutes < 1:
        raise argparse.ArgumentTypeError("at least a minute")
    return minutes


def _name(text: str) -> str:
    try:
        check_key_name(text)
    except MalformedNote as error:
        raise argparse.ArgumentTypeError(error.reason) from error
    return text


if __name__ == "__main__":
    sys.exit(main())
