"""Fictional residents for a mock referendum, and the roll that the city would hand over."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

_FAMILY_NAMES = ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "齋藤")
_GIVEN_NAMES = ("陽葵", "凛", "結菜", "蓮", "湊", "蒼", "さくら", "大和", "一郎", "花子", "健太", "美咲")
_DISTRICTS = ("吾妻", "竹園", "研究学園", "天王台", "春日", "並木", "二の宮", "松代", "手代木", "谷田部")


@dataclass(frozen=True)
class Resident:
    """The roll's row of one person: the four basic attributes (基本4情報) and the city's own number."""

    voter_id: str
    name: str
    address: str
    birth_date: str
    sex: str


def make_residents(count: int, random: Random) -> list[Resident]:
    """``count`` different people; no one of this name, address and birth date is meant."""
    return [_resident(number, random) for number in range(1, count + 1)]


def roll_csv(residents: Sequence[Resident]) -> str:
    """The electoral roll (選挙人名簿) as auth imports it."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("voter_id", "name", "address", "birth_date", "sex"))
    rows.writerows(
        (person.voter_id, person.name, person.address, person.birth_date, person.sex) for person in residents
    )
    return text.getvalue()


def _resident(number: int, random: Random) -> Resident:
    district = random.choice(_DISTRICTS)
    return Resident(
        voter_id=f"{number:06d}",
        name=f"{random.choice(_FAMILY_NAMES)} {random.choice(_GIVEN_NAMES)}",
        # The house number counts up, so that no two people share all four attributes.
        address=f"茨城県つくば市{district}{random.randint(1, 4)}丁目{number}番地",
        birth_date=f"{random.randint(1935, 2007)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}",
        sex=random.choice(("1", "2")),
    )
