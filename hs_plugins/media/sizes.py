"""The arithmetic of thumbnails (content repository, "Thumbnails"). Pure, and quick to import."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Method = Literal["crop", "scale"]

SCALED: Final = ((320, 240), (640, 480), (800, 600), (1600, 1200))
CROPPED: Final = (32, 96, 256, 512, 1024)
""" "Servers SHOULD produce thumbnails with the following dimensions and methods: 32x32, crop; 96x96, crop; 320x240,
scale; 640x480, scale; 800x600, scale". The larger ones are for screens of today.
"""


class Extent(NamedTuple):
    """Pixels."""

    width: int
    height: int

    @property
    def turned(self) -> Extent:
        return Extent(self.height, self.width)


class Cut(NamedTuple):
    """How an image becomes a thumbnail: a part in its middle, and what that is scaled to, never up."""

    part: Extent
    size: Extent


class Wanted(NamedTuple):
    """What a client asks for: "the minimum size the client would prefer"."""

    width: int
    height: int
    method: Method
    animated: bool = False

    @property
    def is_whole(self) -> bool:
        """No size that is made is large enough, so that it is the image as it is, but still unless `animated`."""
        return self.width == 0

    def rounded(self) -> Wanted:
        """The smallest one of those that are made that is not smaller, so that few are made of each image.

        A part that is no square is cut as it was asked for.
        """
        if self.method == "scale":
            fits = next((size for size in SCALED if self.width <= size[0] and self.height <= size[1]), (0, 0))
            return self._replace(width=fits[0], height=fits[1])
        if max(self.width, self.height) > CROPPED[-1]:
            return self._replace(width=0, height=0, method="scale")
        if self.width == self.height:
            side = next(side for side in CROPPED if self.width <= side)
            return self._replace(width=side, height=side)
        return self

    def cut(self, image: Extent) -> Cut | None:
        """How an image of that size becomes such a thumbnail; `None` if it is none too large as it is."""
        if self.is_whole:
            return None
        return self._scale(image) if self.method == "scale" else self._crop(image)

    def _scale(self, image: Extent) -> Cut | None:
        """ "Servers MUST NOT return a smaller thumbnail than requested, unless the original content makes that
        impossible": so what does not fit stands out over the requested size, and is not missing.
        """
        if image.width <= self.width or image.height <= self.height:
            return None
        if self.width * image.height >= self.height * image.width:
            return Cut(image, Extent(self.width, -(-image.height * self.width // image.width)))
        return Cut(image, Extent(-(-image.width * self.height // image.height), self.height))

    def _crop(self, image: Extent) -> Cut | None:
        """ "crop" provides an image in the aspect ratio of the sizes given in the request"."""
        if image.width <= self.width and image.height <= self.height:
            return None
        if image.width * self.height <= image.height * self.width:
            part = Extent(image.width, max(1, image.width * self.height // self.width))
        else:
            part = Extent(max(1, image.height * self.width // self.height), image.height)
        is_large_enough = image.width >= self.width and image.height >= self.height
        return Cut(part, Extent(self.width, self.height) if is_large_enough else part)
