"""A DICOM file as 8-bit grey pixels with what it says of patient, study and view."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian

from .image_reading import ImageError, ImageFile, ImageHeader, check_pixels, scaled_grey
from .views import view_of

_GREY = ("MONOCHROME1", "MONOCHROME2")
_META_BYTES = 4096  # the transfer syntax stands within
_BEYOND = 1e12  # a value outside of every window
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def read_dicom(path: str | Path, data: bytes, max_pixels: int) -> ImageFile:
    """The picture, bright = dense: rescaled, windowed, MONOCHROME1 inverted; and its header.

    Source: DICOM PS3.3 C.7.6.3 and C.11; pydicom does the arithmetic.
    ImageError for several frames, colour, a size above `max_pixels`, a missing decoder or damage.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddly written values, of which files are full
            return _read(path, data, max_pixels)
    except ImageError:
        raise
    except (NotImplementedError, RuntimeError) as error:
        to_do = "Install pylibjpeg with its plugins, or write the file uncompressed."
        raise ImageError(path, "no decoder", type(error).__name__, to_do) from error
    except Exception as error:  # pydicom raises many kinds for damaged files
        raise ImageError(
            path, "unreadable image", type(error).__name__, "Fetch it again."
        ) from error


def _read(path: str | Path, data: bytes, max_pixels: int) -> ImageFile:
    if DeflatedExplicitVRLittleEndian.encode() in data[:_META_BYTES]:
        # It would be inflated whole before its size is known.
        raise ImageError(path, "deflated file", "a deflated data set", "Write it inflated.")
    dataset = pydicom.dcmread(io.BytesIO(data))
    _check(path, dataset, max_pixels)
    pixels = dataset.pixel_array
    if pixels.shape != (size := (int(dataset.Rows), int(dataset.Columns))):
        found = f"{' × '.join(map(str, pixels.shape))} instead of {size[0]} × {size[1]}"
        raise ImageError(path, "pixels of another size", found, "Fetch it again.")
    values = apply_modality_lut(pixels, dataset)
    if not np.isfinite(values).all():
        raise ImageError(path, "unreadable image", "no finite values", "Fetch it again.")
    image = _windowed(values, dataset)
    if dataset.PhotometricInterpretation == "MONOCHROME1":  # the least value is white
        image = Image.eval(image, lambda value: 255 - value)
    return ImageFile(image, _header(dataset))


def _check(path: str | Path, dataset: pydicom.Dataset, max_pixels: int) -> None:
    if "PixelData" not in dataset:
        raise ImageError(path, "no pixels", "no PixelData", "Leave the file out.")
    check_pixels(path, int(dataset.Columns), int(dataset.Rows), max_pixels)
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise ImageError(path, "several frames", f"{dataset.NumberOfFrames}", "Split the file.")
    kind = str(dataset.get("PhotometricInterpretation"))
    if kind not in _GREY or int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise ImageError(path, "no grey image", kind, f"Expected {' or '.join(_GREY)}.")
    expected = int(dataset.Columns) * int(dataset.Rows) * int(dataset.BitsAllocated) // 8
    plain = not dataset.file_meta.TransferSyntaxUID.is_compressed
    if plain and len(dataset.PixelData) < expected:
        found = f"{len(dataset.PixelData)} of {expected} bytes"
        raise ImageError(path, "truncated image", found, "Fetch it again.")


def _windowed(values: npt.NDArray[Any], dataset: pydicom.Dataset) -> Image.Image:
    """The values through the first window or look-up table; without one from least to largest."""
    if dataset.get("VOILUTSequence"):
        return _looked_up(values, dataset.VOILUTSequence[0])
    if _first(dataset, "WindowWidth") is not None and _first(dataset, "WindowCenter") is not None:
        ends = apply_voi_lut(np.array([-_BEYOND, _BEYOND]), dataset)
        shown = apply_voi_lut(values.astype(np.float64), dataset)
        return scaled_grey(shown.astype(np.float32), float(ends[0]), float(ends[1]))
    numbers = values.astype(np.float32)
    real, padding = numbers, dataset.get("PixelPaddingValue")
    if padding is not None:  # what lies beside the picture tells nothing of its values
        real = numbers[dataset.pixel_array != padding]
    real = real if real.size else numbers
    return scaled_grey(numbers, float(real.min()), float(real.max()))


def _looked_up(values: npt.NDArray[Any], table: pydicom.Dataset) -> Image.Image:
    """The values through a look-up table (PS3.3 C.11.2.1.1).

    Not by pydicom 3.0, which wraps the indices of tables with 8-bit entries around at 256.
    """
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    raw = table.LUTData
    if isinstance(raw, bytes):
        entries = np.frombuffer(raw, np.uint8 if len(raw) < 2 * (count or 65_536) else "<u2")
    else:
        entries = np.asarray(raw)
    places = np.clip(values.astype(np.int64) - first, 0, len(entries) - 1)
    return scaled_grey(entries[places].astype(np.float32), 0.0, float(2**bits - 1))


def _header(dataset: pydicom.Dataset) -> ImageHeader:
    orientation = dataset.get("PatientOrientation")
    return ImageHeader(
        study_id=_text(dataset, "StudyInstanceUID"),
        accession=_text(dataset, "AccessionNumber"),
        patient_id=_text(dataset, "PatientID"),
        view=view_of(_text(dataset, "ViewPosition"), list(orientation) if orientation else None),
        sex=_text(dataset, "PatientSex"),
        age=years(_text(dataset, "PatientAge")),
    )


def years(age: str | None) -> float | None:
    """A DICOM age string in years, or None when it is none.

    >>> years("045Y"), years("018M"), years("young")
    (45.0, 1.5, None)
    """
    text = (age or "").strip().upper()
    if len(text) < 2 or not text[:-1].isdigit() or text[-1] not in _YEARS:
        return None
    return int(text[:-1]) * _YEARS[text[-1]]


def _text(dataset: pydicom.Dataset, keyword: str) -> str | None:
    value = dataset.get(keyword)
    return (str(value).strip() or None) if value is not None else None


def _first(dataset: pydicom.Dataset, keyword: str) -> Any:
    value = dataset.get(keyword)
    if isinstance(value, pydicom.multival.MultiValue):
        return value[0] if len(value) else None
    return value
