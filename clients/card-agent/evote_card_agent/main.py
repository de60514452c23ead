"""`evote-card-agent`: what a resident starts."""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import secrets
import socket
import sys
import webbrowser

import uvicorn

from .app import Agent, create_app
from .asking import WINDOW, AskingProcess, NoWayToAsk, find_way_to_ask
from .cards import PcscCards
from .pairing import PairingSecret, UnfitPage, VotingPage, voting_page

DEFAULT_PORT = 28741
"""Outside the ranges from which Linux, macOS and Windows take ports for outgoing connections."""

_LOOPBACK = "127.0.0.1"
_ELECTION = re.compile(r"[1-9A-HJ-NP-Za-km-z]{14,64}", re.ASCII)
_HELD_HEADERS_BYTES = 16 * 1024
_FINISH_WITHIN_S = 1


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; returns the exit status."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("evote_card_agent").setLevel(logging.INFO)
    try:
        listening = socket.create_server((_LOOPBACK, arguments.port))
    except OSError:
        return _say_failure(
            f"ポート {arguments.port} は使われています。先に起動したものを終了するか、--port で変えてください。",
            f"Port {arguments.port} is taken. Stop the card agent that runs already, or choose another with --port.",
        )
    with listening:
        try:
            module = find_way_to_ask()
        except NoWayToAsk:
            return _say_failure(
                "暗証番号をたずねる画面も端末もありません。画面のあるところで起動してください。",
                "There is neither a display nor a terminal to ask for the PIN. Start the agent where there is one.",
            )
        _serve(arguments, module, listening)
    return 0


def _serve(arguments: argparse.Namespace, module: str, listening: socket.socket) -> None:
    page: VotingPage = arguments.page
    port = listening.getsockname()[1]
    secret = PairingSecret(secrets.token_urlsafe, asyncio.sleep)
    agent = Agent(
        origin=page.origin,
        elections=frozenset(arguments.election),
        cards=PcscCards(arguments.reader),
        resident=AskingProcess(module),
    )
    config = uvicorn.Config(
        create_app(agent, origin=page.origin, port=port, secret=secret),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_HELD_HEADERS_BYTES,
        timeout_graceful_shutdown=_FINISH_WITHIN_S,
    )
    _show_page(page, page.paired_url(port, secret.reveal()), module)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        print("終了しました / stopped")


def _show_page(page: VotingPage, paired_url: str, module: str) -> None:
    """Open the paired page; a terminal also shows its address, which a service's journal must not keep."""
    print(f"投票ページ / voting page: {page.url}")
    if sys.stdout.isatty():
        print("開かないときは次のアドレスを写してください。他の人に見せないでください。")
        print(f"If it doesn't open, copy this address. Show it to nobody.\n  {paired_url}")
    print("終了するには Ctrl-C / press Ctrl-C to stop", flush=True)
    # Without a display a browser of the terminal would open in this very terminal, and no such one can vote.
    if module == WINDOW and not webbrowser.open(paired_url) and not sys.stdout.isatty():
        _say_failure("ブラウザを開けませんでした。端末から起動してください。", "No browser opened. Use a terminal.")


def _say_failure(japanese: str, english: str) -> int:
    print(f"{japanese}\n{english}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evote-card-agent",
        description="投票ページからマイナンバーカードを使えるようにします。"
        " / Lets the voting page use the My Number card in this PC's reader.",
    )
    parser.add_argument(
        "--page",
        required=True,
        type=_page,
        metavar="URL",
        help="投票ページのアドレス（市の案内にあるもの） / the voting page's address, as the city's guide gives it",
    )
    parser.add_argument(
        "--election",
        required=True,
        action="append",
        type=_election,
        metavar="UUID",
        help="選挙番号。くり返して複数指定できます / the election's number; may be repeated",
    )
    parser.add_argument(
        "--reader", metavar="NAME", help="使うリーダーの名前（一部でもよい） / a part of the reader's name"
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="待ち受けるポート / the port (%(default)s)")
    return parser


def _page(text: str) -> VotingPage:
    try:
        return voting_page(text)
    except UnfitPage as unfit:
        raise argparse.ArgumentTypeError(str(unfit)) from None


def _election(text: str) -> str:
    if not _ELECTION.fullmatch(text):
        raise argparse.ArgumentTypeError("an election's number has 14 to 64 letters and digits")
    return text


if __name__ == "__main__":
    sys.exit(main())
