"""`evote-local card`: an emulated card of a file in a virtual reader, for people who look around."""

from __future__ import annotations

from pathlib import Path

from evote_jpki.cardfile import CardFileDamaged, load_card
from evote_jpki.vpcd import InsertedCard
from rich.console import Console

from ..nodes.ports import LOOPBACK

READER_HOST, READER_PORT = LOOPBACK, 35963
"""Where Debian's pcscd with vsmartcard-vpcd waits for a card."""


class CardNotInserted(Exception):
    """The card did not get into the reader; the message says why, and what to do."""


def insert_card(path: Path, *, host: str, port: int, console: Console) -> None:
    """Leave the card of a file in the reader's slot until the reader is gone; raises ``CardNotInserted``."""
    try:
        card = load_card(path)
    except (OSError, CardFileDamaged) as error:
        raise CardNotInserted(f"{error}. `make up` makes a card and says where") from error
    try:
        inserted = InsertedCard(card, host, port)
    except OSError as error:
        raise CardNotInserted(
            f"no reader at {host}:{port}: {error}. Start pcscd (with vsmartcard-vpcd), or name its address"
        ) from error
    with inserted:
        console.print("カードを入れました。Ctrl-C で抜きます / the card is in the reader; Ctrl-C takes it out")
        inserted.wait()
    console.print("リーダーがなくなりました / the reader is gone")
