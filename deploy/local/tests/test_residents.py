from datetime import date
from random import Random

from evote_jpki.roll import parse_roll
from evote_local.people.residents import make_residents, roll_csv


def test_the_roll_of_the_simulation_is_one_that_auth_takes() -> None:
    residents = make_residents(500, Random(1))
    entries = parse_roll(roll_csv(residents), date(2026, 11, 24))
    assert [entry.voter_id for entry in entries] == [resident.voter_id for resident in residents]
    assert len({entry.match_key for entry in entries}) == 500


def test_the_same_seed_gives_the_same_people() -> None:
    assert make_residents(20, Random(7)) == make_residents(20, Random(7))
