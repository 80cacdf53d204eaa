"""The pure parts: sizes of thumbnails, parts of files, how files are presented."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_plugins.media.headers import UNKNOWN_TYPE, content_disposition, parse_content_type
from hs_plugins.media.ranges import Span, Unsatisfiable, parse_range
from hs_plugins.media.sizes import CROPPED, SCALED, Extent, Wanted

sides = st.integers(1, 20_000)
methods = st.sampled_from(["crop", "scale"])
wishes = st.builds(Wanted, st.integers(1, 3000), st.integers(1, 3000), methods, st.booleans())
extents = st.builds(Extent, sides, sides)


@given(wishes)
def test_what_is_made_is_not_smaller_than_what_was_asked_for_and_there_are_few_of_them(asked: Wanted) -> None:
    made = asked.rounded()
    assert made.rounded() == made or made.is_whole
    assert made.animated == asked.animated
    if not made.is_whole:
        assert made.width >= asked.width
        assert made.height >= asked.height
    if asked.method == "scale":
        assert (made.width, made.height) in {*SCALED, (0, 0)}
    elif asked.width == asked.height:
        assert made.width in {*CROPPED, 0}
    elif not made.is_whole:
        assert (made.width, made.height) == (asked.width, asked.height)


@given(extents, wishes)
def test_a_thumbnail_is_never_enlarged_nor_smaller_than_it_could_be(image: Extent, wanted: Wanted) -> None:
    cut = wanted.cut(image)
    if cut is None:
        # "When the content is smaller than the requested dimensions, servers should return the original content"
        assert image.width <= wanted.width or image.height <= wanted.height
        return
    assert 1 <= cut.size.width <= cut.part.width <= image.width
    assert 1 <= cut.size.height <= cut.part.height <= image.height
    if image.width >= wanted.width and image.height >= wanted.height:
        assert cut.size.width >= wanted.width
        assert cut.size.height >= wanted.height


@given(extents, wishes.filter(lambda wanted: wanted.method == "scale"))
def test_scaling_keeps_the_whole_image_in_its_shape(image: Extent, wanted: Wanted) -> None:
    cut = wanted.cut(image)
    if cut is not None:
        assert cut.part == image
        assert wanted.width in {cut.size.width} or wanted.height in {cut.size.height}
        assert abs(cut.size.width * image.height - cut.size.height * image.width) <= max(image)


@given(extents, wishes.filter(lambda wanted: wanted.method == "crop"))
def test_cropping_gives_the_shape_that_was_asked_for(image: Extent, wanted: Wanted) -> None:
    cut = wanted.cut(image)
    if cut is not None:
        assert cut.part.width == image.width or cut.part.height == image.height
        for each in (cut.part, cut.size):
            assert abs(each.width * wanted.height - each.height * wanted.width) <= max(wanted.width, wanted.height)


@given(st.integers(0, 10_000), st.integers(0, 12_000), st.integers(0, 12_000))
def test_a_part_of_a_file_is_what_slicing_gives(size: int, first: int, last: int) -> None:
    content = bytes(index % 251 for index in range(size))
    expected = {
        f"bytes={first}-{last}": content[first : last + 1],
        f"bytes={first}-": content[first:],
        f"bytes=-{last}": content[max(0, size - last) :],
    }
    for header, part in expected.items():
        try:
            span = parse_range(header, size)
        except Unsatisfiable:
            assert not part
        else:
            if span is None:
                assert last < first
            else:
                assert part == content[span.first : span.end]
                assert span.size == len(part)


@pytest.mark.parametrize("header", [None, "", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "bytes=5-4", "0-1"])
def test_what_is_no_range_is_the_whole_file(header: str | None) -> None:
    assert parse_range(header, 10) is None


def test_the_last_bytes_may_be_all() -> None:
    assert parse_range("bytes=-100", 10) == Span(0, 10)


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)


@given(names)
def test_a_file_name_survives_the_header(name: str) -> None:
    header = content_disposition("image/png", name)
    assert header.isascii()
    assert header.isprintable()
    kind, _, rest = header.partition("; ")
    assert kind == "inline"
    if rest.startswith("filename*=utf-8''"):
        assert unquote(rest.removeprefix("filename*=utf-8''")) == name
    else:
        assert rest.removeprefix('filename="')[:-1].replace('\\"', '"').replace("\\\\", "\\") == name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("image/png", "image/png"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("application/vnd.example+json;x=1", "application/vnd.example+json;x=1"),
        (None, UNKNOWN_TYPE),
        ("", UNKNOWN_TYPE),
        ("png", UNKNOWN_TYPE),
        ("image/png\r\nset-cookie: a", UNKNOWN_TYPE),
        ("image/p\xffng", UNKNOWN_TYPE),
        ("text/" + "x" * 300, UNKNOWN_TYPE),
    ],
)
def test_a_type_is_kept_as_it_is_if_it_is_one(given: str | None, kept: str) -> None:
    assert parse_content_type(given) == kept


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "inline"),
        ("TEXT/Plain; charset=utf-8", "inline"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/pdf", "attachment"),
        (UNKNOWN_TYPE, "attachment"),
    ],
)
def test_only_what_cannot_do_harm_is_shown_by_the_browser(content_type: str, kind: str) -> None:
    assert content_disposition(content_type, None) == kind
