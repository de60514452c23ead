from evote_local.referendum.report import chart


def test_a_bar_is_as_long_as_its_share_of_the_largest() -> None:
    lines = chart("質問", [("賛成", 50), ("反対", 25), ("白票", 0)]).splitlines()
    assert [line.count("█") for line in lines] == [0, 32, 16, 0]
    assert lines[1].endswith("  50")


def test_full_width_labels_are_padded_to_the_same_column() -> None:
    lines = chart("q", [("賛成です", 1), ("no", 1)]).splitlines()
    assert lines[1].index("█") + 4 == lines[2].index("█")  # four full-width signs take eight columns


def test_an_election_without_votes_has_a_chart() -> None:
    assert "█" not in chart("q", [("a", 0), ("b", 0)])
