"""What follows from account data, whatever clients have written into it."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.identifiers import UserId
from hs_plugins.account_data.contents import ignored_in, tags_in, with_tag, without_tag, written

ALICE = UserId("@alice:hs.test")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(texts, values, max_size=3)
contents = st.none() | st.one_of(
    objects,
    st.fixed_dictionaries({"tags": values | st.dictionaries(texts, objects, max_size=3)}),
    st.fixed_dictionaries(
        {"ignored_users": values | st.dictionaries(texts | st.just(str(ALICE)), objects, max_size=3)}
    ),
)


def as_stored(content: dict[str, Any] | None) -> bytes | None:
    return None if content is None else written(content)


@settings(max_examples=100, deadline=None)
@given(contents, texts, objects)
def test_a_tag_is_added_beside_the_others_and_taken_away_again(
    content: dict[str, Any] | None, tag: str, said: dict[str, Any]
) -> None:
    stored = as_stored(content)
    others = {name: value for name, value in tags_in(stored).items() if name != tag}
    added = with_tag(stored, tag, written(said))
    assert tags_in(added) == {**others, tag: orjson.loads(written(said))}
    assert tags_in(without_tag(added, tag)) == others


@settings(max_examples=100, deadline=None)
@given(contents, texts)
def test_taking_a_tag_that_is_not_there_changes_nothing(content: dict[str, Any] | None, tag: str) -> None:
    stored = as_stored(content)
    if tag not in tags_in(stored):
        assert without_tag(stored, tag) == stored


@settings(max_examples=100, deadline=None)
@given(contents)
def test_whoever_is_a_key_of_the_list_is_ignored_but_the_user(content: dict[str, Any] | None) -> None:
    listed = (content or {}).get("ignored_users")
    expected = set(listed) - {ALICE} if isinstance(listed, dict) else set()
    assert ignored_in(content, ALICE) == expected
