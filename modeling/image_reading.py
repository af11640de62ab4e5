"""An image file as 8-bit grey pixels: PNG, JPEG and DICOM, told apart by their first bytes."""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 64_000_000  # a detector has at most about 18 million
MAX_BYTES = 1 << 29
_PNG, _JPEG, _DICOM = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"DICM"


class ImageError(ValueError):
    """A file is no usable image: its `path`, the `reason` in a few words, what was `found`."""

    def __init__(self, path: str | Path, reason: str, found: str, to_do: str) -> None:
        self.path, self.reason, self.found, self.to_do = str(path), reason, found, to_do
        super().__init__(f"{path}: {reason}: {found}. {to_do}")

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str, str, str]]:
        return ImageError, (self.path, self.reason, self.found, self.to_do)


@dataclass(frozen=True)
class ImageHeader:
    """What the file says besides its pixels; PNG and JPEG say nothing."""

    study_id: str | None = None
    accession: str | None = None
    patient_id: str | None = None
    view: str | None = None
    sex: str | None = None
    age: float | None = None


@dataclass(frozen=True)
class ImageFile:
    """A decoded file: `image` (mode L, 8-bit grey), its `header`."""

    image: Image.Image
    header: ImageHeader


def read_bytes(path: str | Path) -> bytes:
    """The bytes of an image file. ImageError when it is missing, no file, empty or too long."""
    path = Path(path)
    try:
        status = path.stat()
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise ImageError(path, "no regular file", "a folder, pipe or device", "Leave it out.")
        if size > MAX_BYTES:
            raise ImageError(path, "file too long", f"{size} bytes", f"At most {MAX_BYTES}.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(path, "missing file", "no such file", "Fetch it again.") from None
    except OSError as error:
        raise ImageError(path, "unreadable file", type(error).__name__, "Check it.") from error
    if not data:
        raise ImageError(path, "empty file", "0 bytes", "Fetch it again.")
    return data


def read_image(
    path: str | Path,
    *,
    data: bytes | None = None,
    max_pixels: int = MAX_PIXELS,
    shrink_to: int | None = None,
) -> ImageFile:
    """The picture in the file (or in `data`, its bytes), as mode L, bright = dense.

    More than 8 bits come down linearly: DICOM by its window, else from the least to the largest
    value of the image. With `shrink_to` a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, never
    below twice `shrink_to`, so that an antialiased resize still follows.
    ImageError for a file that is missing, truncated, of another kind or larger than `max_pixels`.
    """
    data = read_bytes(path) if data is None else data
    if data.startswith((_PNG, _JPEG)):
        return ImageFile(_read_picture(path, data, max_pixels, shrink_to), ImageHeader())
    if data[128:132] == _DICOM:
        from .dicom import read_dicom  # pydicom only for those who have DICOM files

        return read_dicom(path, data, max_pixels)
    found = "neither a PNG, a JPEG nor a DICOM file"
    raise ImageError(path, "no known image format", found, "Convert it or leave it out.")


def check_pixels(path: str | Path, width: int, height: int, max_pixels: int) -> None:
    """Nothing, if so many pixels may be decoded. ImageError otherwise."""
    if width < 1 or height < 1 or width * height > max_pixels:
        to_do = f"Expected 1 to {max_pixels} pixels; raise max_pixels if the image is genuine."
        raise ImageError(path, "too many pixels", f"{width} × {height}", to_do)


def to_grey(values: npt.NDArray[np.generic]) -> Image.Image:
    """The values (H, W), stretched linearly from their least to their largest, as mode L.

    >>> np.asarray(to_grey(np.array([[100, 150], [200, 100]], np.uint16))).tolist()
    [[0, 128], [255, 0]]
    """
    numbers = values.astype(np.float32)
    low, high = float(numbers.min()), float(numbers.max())
    return scaled_grey(numbers, low, high)


def scaled_grey(numbers: npt.NDArray[np.float32], low: float, high: float) -> Image.Image:
    """The numbers with `low` as 0 and `high` as 255, as mode L; beyond them they are cut."""
    scale = 255.0 / (high - low) if high > low else 0.0
    grey = np.clip((numbers - low) * scale, 0, 255)
    return Image.fromarray(np.floor(grey + 0.5).astype(np.uint8))


def _read_picture(
    path: str | Path, data: bytes, max_pixels: int, shrink_to: int | None
) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow only warns at half of what it refuses; the limit below is stricter.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        check_pixels(path, *picture.size, max_pixels)
        if shrink_to is not None:
            picture.draft("L", (2 * shrink_to, 2 * shrink_to))  # changes nothing but a JPEG
        picture.load()
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(path, "too many pixels", str(error), "Leave it out.") from error
    except UnidentifiedImageError as error:
        raise ImageError(path, "unreadable image", "no image data", "Fetch it again.") from error
    except Exception as error:  # Pillow's decoders raise many kinds for damaged files
        reason = "truncated image" if _is_truncated(error) else "unreadable image"
        raise ImageError(path, reason, type(error).__name__, "Fetch it again.") from error
    return _grey(picture)


def _is_truncated(error: Exception) -> bool:
    return isinstance(error, EOFError) or "truncated" in str(error).lower()


def _grey(picture: Image.Image) -> Image.Image:
    if picture.mode == "L":
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":
        return to_grey(np.asarray(picture))
    return picture.convert("L")
