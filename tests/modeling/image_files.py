"""Small image files of our own making, for the tests of images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from modeling.images import ImageSet, scan_images


def pattern(seed: int, width: int = 64, height: int = 64) -> npt.NDArray[np.uint8]:
    """Smooth grey pixels that differ by seed."""
    y, x = np.mgrid[0:height, 0:width]
    wave = np.sin((seed + 2) * x / width * 3) + np.cos((seed % 7 + 1) * y / height * 4)
    return np.asarray((wave - wave.min()) / np.ptp(wave) * 255, np.uint8)


def write_png(path: Path, pixels: npt.NDArray[Any]) -> Path:
    """The pixels as a file, whose kind its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_dicom(path: Path, pixels: npt.NDArray[Any], **tags: Any) -> Path:
    """The pixels (uint16, or int16) as a DICOM file with these tags."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = int(pixels.dtype == np.int16)
    dataset.PixelData = pixels.tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in tags.items():
            setattr(dataset, name, value)
        dataset.save_as(path, enforce_file_format=True)
    return path


def write_folder(folder: Path, names: list[str]) -> Path:
    """The folder with a picture of each name."""
    for n, name in enumerate(names):
        write_png(folder / name, pattern(n))
    return folder


def scan(folder: Path, names: list[str], **options: object) -> ImageSet:
    """What a scan of a folder with these pictures gives."""
    return scan_images(write_folder(folder, names), workers=1, **options)  # type: ignore[arg-type]


def adds_up(found: ImageSet) -> bool:
    """Whether every image is kept or refused, and counted as what it is."""
    refused = {key: n for key, n in found.counts.items() if key not in ("found", "kept")}
    return (
        found.counts["kept"] == found.images.num_rows
        and sum(refused.values()) == found.rejects.num_rows
        and found.counts["found"] == found.images.num_rows + found.rejects.num_rows
    )
