"""A trustee's key on paper: sheets of words by SLIP-39, of which a chosen number gives the key back.

Each sheet carries a checksum that finds up to three wrong words for certain, and others but for one in 2^30; where
several sheets are needed, fewer tell nothing of the key.
Source: SLIP-0039, Shamir's Secret-Sharing for Mnemonic Codes. The secret that is shared is the text of the key file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from evote_belenios.channel import TrusteeSecret
from evote_belenios.errors import BeleniosError
from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST

from .errors import CommandFailed, SheetRejected

MOST_SHEETS = 16
_WORDS = frozenset(WORDLIST)


def sheets_of(secret: TrusteeSecret, *, sheets: int, needed: int) -> tuple[str, ...]:
    """Write a key on sheets; each call writes other ones, and sheets of two calls don't go together.

    Args:
        sheets: how many, from 1 to 16.
        needed: how many of them give the key back.

    Raises:
        CommandFailed: these numbers don't go together.
    """
    if not 1 <= needed <= sheets <= MOST_SHEETS or (needed == 1 and sheets > 1):
        raise CommandFailed(
            f"{sheets} 枚のうち {needed} 枚、という分け方はできません。1 枚だけ（同じものを書き写せます）か、"
            f"2 枚以上 {MOST_SHEETS} 枚までのうち 2 枚以上を選んでください。"
        )
    # The key is random in all of its length: stretching it would protect nothing.
    (written,) = generate_mnemonics(1, [(needed, sheets)], secret.reveal().encode(), iteration_exponent=0)
    return tuple(written)


def secret_on(read_sheet: Callable[[int, int | None], str], reject: Callable[[SheetRejected], None]) -> TrusteeSecret:
    """Read as many sheets as the first one says are needed.

    Args:
        read_sheet: gives what is written on the sheet of this number (from 1), of how many: None before the first.
        reject: is told what is wrong with a sheet; unless it raises, the sheet is read again.

    Raises:
        SheetRejected: the sheets hold, and what they give is no trustee's key.
    """
    shares: list[Share] = []
    while not shares or len(shares) < shares[0].member_threshold:
        written = read_sheet(len(shares) + 1, shares[0].member_threshold if shares else None)
        try:
            shares.append(_sheet(written, shares))
        except SheetRejected as error:
            reject(error)
    try:
        return TrusteeSecret.from_text(combine_mnemonics([share.mnemonic() for share in shares]).decode())
    except (MnemonicError, BeleniosError, UnicodeDecodeError) as error:
        raise SheetRejected("立会人の鍵の控えではありません") from error


def _sheet(written: str, earlier: Sequence[Share]) -> Share:
    words = [word for word in unicodedata.normalize("NFKC", written).lower().split() if not word.isdigit()]
    if unknown := [f"{at} 番目の「{word}」" for at, word in enumerate(words, 1) if word not in _WORDS]:
        raise SheetRejected(f"言葉の表にない語があります: {'、'.join(unknown)}")
    try:
        share: Share = Share.from_mnemonic(" ".join(words))
    except MnemonicError as error:
        raise SheetRejected(
            f"語が抜けているか、違うか、順番が違います（{len(words)} 語が入力されました）。一語ずつ見比べてください"
        ) from error
    if earlier and share.group_parameters() != earlier[0].group_parameters():
        raise SheetRejected("ほかの控えの紙です。同じときに作った紙を使ってください")
    if any(share.index == other.index for other in earlier):
        raise SheetRejected("同じ紙がもう入力されています。別の紙を使ってください")
    return share
