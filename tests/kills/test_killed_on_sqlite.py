"""Some points of the kill matrix on SQLite; `make kill-matrix` has all of them."""

from some_kills import killed_at_some

POINTS = 20


async def test_whatever_a_process_is_killed_at_nothing_is_lost_done_twice_or_left_untold(tmp_path) -> None:
    seen = await killed_at_some(tmp_path, None, POINTS)
    assert [one for one in seen.outcomes if not one.good] == []
    assert sum(one.killed > 0 for one in seen.outcomes) > POINTS * 0.9, "they are killed before they end"
    assert sum(one.unknown for one in seen.outcomes) > 0, "some are killed while a write is on its way"
    assert seen.messages_first > 0, "of some the next message comes first"
    assert seen.forty_of_fifty.killed
    assert seen.forty_of_fifty.again == []
