"""Whatever a bus, a database and crashes do: followers deliver every row once, and no ex-owner commits."""

from collections import defaultdict

import pytest

from tests.core.streams.story import Story

SEEDS = range(60)


@pytest.fixture(params=SEEDS)
async def story(request: pytest.FixtureRequest) -> Story:
    story = Story(request.param)
    await story.tell()
    return story


async def test_the_laws_of_streams_hold_in_every_story(story: Story) -> None:
    stored = [(position, note.text) for position, note in story.stored()]
    assert [position for position, _ in stored] == list(range(1, len(stored) + 1))

    for actor in story.alive + story.crashed:
        begin, end = actor.began_at, actor.node.follower.position
        assert actor.node.heard == stored[begin:end], "no row is skipped, and none delivered twice"
    for actor in story.alive:
        assert actor.node.follower.position == len(stored), "everybody has everything in the end"

    for reader in story.readers:
        assert reader.told == stored[reader.began_at : reader.position], "wherever a client asks, it goes on there"

    for position, rows in story.tokens:
        assert story.stored(position) == rows, "nothing is committed below a token that was handed out"

    texts = {text for _, text in stored}
    assert story.acknowledged <= texts
    assert not story.refused & texts

    epochs: dict[str, list[int]] = defaultdict(list)
    for _, text in stored:
        slot, epoch, _ = text.split()
        epochs[slot].append(int(epoch))
    assert all(history == sorted(history) for history in epochs.values()), "who lost a slot never wrote to it again"


async def test_a_seed_tells_the_same_story_each_time() -> None:
    stories = [Story(7), Story(7)]
    for story in stories:
        await story.tell()

    assert stories[0].stored() == stories[1].stored()


async def test_stories_are_about_something() -> None:
    stories = [Story(seed) for seed in range(1000, 1012)]
    for story in stories:
        await story.tell()

    assert all(story.acknowledged for story in stories)
    assert any(story.refused for story in stories)
    assert any(story.crashed for story in stories)
    assert any(len(reader.told) > 10 for story in stories for reader in story.readers)
    assert any(actor.began_at > 0 for story in stories for actor in story.alive)
