"""The public credentials make a roll only when they are complete and consistent."""

from __future__ import annotations

import json
import secrets
from hashlib import sha256
from pathlib import Path

import pytest
from evote_belenios.credentials import generate, public_credential
from evote_belenios.groups import group_by_name
from evote_eventlog.events import CredentialsPublished, DraftTrustee, ElectionDrafted
from evote_local.people.rehearsal import Rehearsal
from evote_tally.domain.election import election_from
from evote_tally.domain.facts import Fact
from evote_tally.domain.refusals import RollNotReady
from evote_tally.domain.roll import complete_roll, freeze_roll, number_of_parts, part_of, weight_of

UUID = "4yP2vbZnkbxpPG"
GROUP = group_by_name("Ed25519")
PUBLIC = sorted(public_credential(generate(GROUP, secrets.token_bytes), UUID, GROUP) for _ in range(4))
ELECTION = election_from(
    UUID,
    [
        Fact(
            ElectionDrafted(
                election_uuid=UUID,
                name="住民投票",
                description="",
                group="Ed25519",
                administrator="選挙管理委員会",
                questions=(),
                trustees=tuple(
                    DraftTrustee(name=trustee.name, key=trustee.key) for trustee in Rehearsal(["甲", "乙"]).trustees
                ),
                threshold=2,
                opens_at="2026-11-24T10:00:00.000Z",
                closes_at="2026-11-24T11:00:00.000Z",
            ),
            "2026-11-24T09:00:00.000Z",
        )
    ],
)


def parts(credentials: list[str], count: int = 2, digest: str | None = None) -> list[CredentialsPublished]:
    text = json.dumps(credentials, separators=(",", ":"))
    size = -(-len(credentials) // count)
    return [
        CredentialsPublished(
            election_uuid=UUID,
            part=part,
            parts=count,
            credentials=tuple(credentials[part * size : (part + 1) * size]),
            credentials_sha256=digest or sha256(text.encode()).hexdigest(),
        )
        for part in range(count)
    ]


def missing(published: list[CredentialsPublished], expected: int = 4) -> str:
    with pytest.raises(RollNotReady) as refused:
        freeze_roll(ELECTION, published, expected)
    return " ".join(words.english for words in refused.value.missing)


def test_complete_parts_in_any_order_make_the_roll() -> None:
    (frozen,) = freeze_roll(ELECTION, list(reversed(parts(PUBLIC))), 4)
    assert frozen.roll_size == 4
    assert frozen.credentials_sha256 == parts(PUBLIC)[0].credentials_sha256


def test_a_missing_part_is_named() -> None:
    assert missing(parts(PUBLIC)[:1]) == "part 1 of the public credentials"


def test_another_size_than_expected_is_refused() -> None:
    assert "4 credentials were published, 5 were expected" in missing(parts(PUBLIC), 5)


def test_another_hash_than_announced_is_refused() -> None:
    assert "SHA-256" in missing(parts(PUBLIC, digest="0" * 64))


def test_an_unsorted_list_is_refused() -> None:
    assert "not sorted" in missing(parts(PUBLIC[::-1]))


def test_a_credential_twice_is_refused() -> None:
    assert "twice" in missing(parts(sorted([*PUBLIC[:3], PUBLIC[0]])))


def test_weights_that_would_stop_the_count_are_refused_at_the_freeze() -> None:
    """Counts are found modulo the group's order: the examination after the close would refuse the list."""
    order = group_by_name("Ed25519").order
    heavy = [f"{PUBLIC[0]},{order - 3}", *PUBLIC[1:4]]
    assert "credential-weight" in missing(parts(sorted(heavy)))


def test_a_credential_twice_with_another_weight_is_refused() -> None:
    assert "twice" in missing(parts(sorted([*PUBLIC[:3], f"{PUBLIC[0]},2"])))


def test_a_credential_that_is_no_group_element_is_refused() -> None:
    assert "group-element" in missing(parts(sorted([*PUBLIC[:3], "00"])))


def test_an_abandoned_list_does_not_stand_in_the_way_of_a_complete_one() -> None:
    abandoned = parts(PUBLIC[:3])[:1]
    assert complete_roll([*abandoned, *parts(PUBLIC)]).credentials == tuple(PUBLIC)


def test_two_complete_lists_are_refused() -> None:
    assert "2 different lists" in missing([*parts(PUBLIC), *parts(PUBLIC[:3])])


def test_no_list_is_refused() -> None:
    assert missing([]) == "auth has published no public credentials"


def test_a_credential_weighs_what_it_says() -> None:
    assert (weight_of(PUBLIC[0]), weight_of(f"{PUBLIC[0]},7")) == (1, 7)


def test_a_part_of_the_list_hides_a_voter_among_hundreds_and_is_the_one_that_browsers_ask_for() -> None:
    """The same figures stand in web/shared/tests/belenios.vectors.test.ts."""
    sizes = [0, 1023, 1024, 14000, 200000, 1000000000]
    assert [number_of_parts(size) for size in sizes] == [1, 1, 2, 16, 256, 256]
    for size in range(512, 300_000, 317):
        assert size // number_of_parts(size) >= 512
    vectors = json.loads((Path(__file__).parents[3] / "tests/vectors/ed25519/credentials.json").read_text())
    publics = [known["public_credential"] for known in vectors["accepted"][:3]]
    parts = [[part_of(public, number_of_parts(size)) for size in sizes] for public in publics]
    assert parts == [[0, 0, 0, 5, 84, 84], [0, 0, 1, 11, 189, 189], [0, 0, 1, 11, 188, 188]]
    assert part_of(f"{publics[0]},3", 256) == part_of(publics[0], 256), "a weight changes no part"
