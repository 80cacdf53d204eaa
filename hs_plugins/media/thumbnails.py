"""Make one thumbnail, in a process of its own: images come from strangers, and decoders have faults.

The only module that knows the imaging library. Run as `python -P -m hs_plugins.media.thumbnails SOURCE TARGET WIDTH
HEIGHT METHOD ANIMATED MAX_PIXELS`; prints one line of JSON, an `Outcome`. Whatever the image does to this process, its
time, memory and files are bounded, and the server goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal, cast

from PIL import Image, ImageSequence

from hs_plugins.media.bounds import bound_this_process, cpu_seconds
from hs_plugins.media.sizes import Cut, Extent, Wanted

FORMATS: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
"""What thumbnails are made of. The types are those that a thumbnail may have."""
JPEGS: Final = {"JPEG", "MPO"}
"""The second is several of the first in one file, as telephones make them."""
MOVING: Final = {"GIF", "PNG", "WEBP"}

CPU_SECONDS: Final = 10
MEMORY: Final = 1 << 30
LARGEST_FILE: Final = 64 << 20
MAX_FRAMES: Final = 300
MAX_MOVING_PIXELS: Final = 50_000_000
"""Of all frames of an animated thumbnail together; what has more stands still, as does what takes too long."""
SHORTEST_FRAME, LONGEST_FRAME = 10, 60_000
"""Milliseconds."""
MAX_PROFILE: Final = 64 << 10
"""Bytes of a colour profile."""

_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How an image is turned to stand as its EXIF data say it does."""
_TURNED: Final = {5, 6, 7, 8}

Problem = Literal["too large", "no image"]


@dataclass(frozen=True)
class Outcome:
    """What became of it: a type and whether the image is its own thumbnail, or why there is none."""

    content_type: str = ""
    is_original: bool = False
    problem: Problem | None = None


class TooLarge(Exception):
    """The image has too many pixels."""


def main() -> None:
    source, target, width, height, method, animated, max_pixels = sys.argv[1:]
    bound_this_process(cpu_seconds=CPU_SECONDS, memory=MEMORY, file_size=LARGEST_FILE)
    wanted = Wanted(int(width), int(height), cast(Any, method), animated == "True")
    made = b""
    try:
        outcome, made = make(Path(source), wanted, int(max_pixels))
    except (TooLarge, MemoryError):
        outcome = Outcome(problem="too large")
    except OSError as error:
        if error.errno is not None:  # the file cannot be read, whatever it is
            raise
        outcome = Outcome(problem="no image")
    except Exception:  # decoders raise whatever they like, and all of it means that this is no image for us
        outcome = Outcome(problem="no image")
    if made:
        Path(target).write_bytes(made)  # that this fails is not the image's fault
    print(json.dumps(asdict(outcome)))  # noqa: T201, this is how the server is told


def make(source: Path, wanted: Wanted, max_pixels: int) -> tuple[Outcome, bytes]:
    """A thumbnail; empty if the image is its own. Raises TooLarge, and what decoders raise."""
    Image.MAX_IMAGE_PIXELS = None  # it warns where this refuses
    with Image.open(source, formats=list(FORMATS)) as image:
        if image.width * image.height > max_pixels:
            raise TooLarge
        orientation = _orientation(image)
        upright = Extent(image.width, image.height)
        upright = upright.turned if orientation in _TURNED else upright
        moves = image.format in MOVING and getattr(image, "is_animated", False)
        cut = wanted.cut(upright)
        if cut is None and (wanted.animated or not moves):
            _decode(image)
            return Outcome(FORMATS[_format(image)], is_original=True), b""
        cut = cut or Cut(upright, upright)
        moving = _moving(image, cut) if moves and wanted.animated else b""
        return (Outcome("image/webp"), moving) if moving else _still(image, cut, orientation)


def _still(image: Image.Image, cut: Cut, orientation: int) -> tuple[Outcome, bytes]:
    """What is no photograph, or not opaque, becomes a PNG."""
    image.seek(0)
    as_stored = Cut(cut.part.turned, cut.size.turned) if orientation in _TURNED else cut
    profile = image.info.get("icc_profile") or b""
    small = _resize(image, as_stored)
    if orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[orientation])
    is_photograph = small.mode in {"RGB", "L"} and _format(image) in {"JPEG", "WEBP"}
    kind, written = "JPEG" if is_photograph else "PNG", BytesIO()
    options = {"quality": 82, "progressive": True} if is_photograph else {}
    small.save(written, kind, icc_profile=profile if len(profile) <= MAX_PROFILE else None, **options)
    return Outcome(FORMATS[kind]), written.getvalue()


def _moving(image: Image.Image, cut: Cut) -> bytes:
    """A WebP; empty if it is too much."""
    frames: list[Image.Image] = []
    durations: list[int] = []
    most = min(MAX_FRAMES, MAX_MOVING_PIXELS // (cut.size.width * cut.size.height))
    for frame in _frames(image):
        if len(frames) >= most or cpu_seconds() > CPU_SECONDS / 2:
            return b""
        frames.append(_resize(frame, cut).convert("RGBA"))
        duration = frame.info.get("duration", 100) or 100
        durations.append(int(min(max(duration, SHORTEST_FRAME), LONGEST_FRAME)))
    again = image.info.get("loop", 1)
    options = {"duration": durations, "loop": min(max(int(again), 0), 65_535), "quality": 75, "method": 2}
    written = BytesIO()
    frames[0].save(written, "WEBP", save_all=True, append_images=frames[1:], **options)
    return written.getvalue()


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    yield from ImageSequence.Iterator(image)


def _resize(image: Image.Image, cut: Cut) -> Image.Image:
    """The middle of an image at another size, as grey, RGB or RGBA. A JPEG may be decoded smaller than it is."""
    before = Extent(image.width, image.height)
    if image.format in JPEGS:
        across, down = before.width * cut.size.width, before.height * cut.size.height
        image.draft(None, (-(-across // cut.part.width), -(-down // cut.part.height)))
    plain = image.convert(_plain_mode(image))
    width = cut.part.width * plain.width / before.width
    height = cut.part.height * plain.height / before.height
    left, top = (plain.width - width) / 2, (plain.height - height) / 2
    box = (left, top, left + width, top + height)
    return plain.resize(cut.size, Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)


def _plain_mode(image: Image.Image) -> str:
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        return "RGBA"
    return "L" if image.mode in {"1", "L", "I;16", "I"} else "RGB"


def _decode(image: Image.Image) -> None:
    """Find out whether it is an image to its end, before anybody is told that it is one."""
    if image.format in JPEGS:
        image.draft(None, (64, 64))
    image.load()


def _format(image: Image.Image) -> str:
    return "JPEG" if image.format in JPEGS else str(image.format)


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # an image may be good although its EXIF data are not
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


if __name__ == "__main__":
    main()
