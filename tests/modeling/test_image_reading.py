"""PNG, JPEG and DICOM as 8-bit grey pixels, and the files that are none."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from modeling.dicom import years
from modeling.image_reading import ImageError, read_image
from modeling.views import view_of
from tests.modeling.image_files import pattern, write_dicom, write_png

RAMP = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(read_image(path).image)


def test_png_of_8_bit_comes_as_it_is(tmp_path: Path) -> None:
    assert np.array_equal(_pixels(write_png(tmp_path / "a.png", pattern(1))), pattern(1))


def test_16_bit_png_is_stretched_to_8_bit(tmp_path: Path) -> None:
    pixels = _pixels(write_png(tmp_path / "a.png", RAMP))
    assert pixels.min() == 0 and pixels.max() == 255
    assert pixels.reshape(-1)[2048] == round(2048 / 4095 * 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_other_modes_become_grey(tmp_path: Path, mode: str) -> None:
    grey = pattern(1) if mode != "1" else np.where(pattern(1) > 127, 255, 0).astype(np.uint8)
    Image.fromarray(grey).convert(mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png").image
    assert image.mode == "L"
    assert np.abs(np.asarray(image, int) - grey).max() <= 1


def test_the_kind_is_told_by_the_bytes_not_by_the_name(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", pattern(1)).rename(tmp_path / "a.dcm")
    assert np.array_equal(_pixels(path), pattern(1))


def test_jpeg_may_be_decoded_smaller_but_never_below_twice_the_target(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.jpg", pattern(1, 1024, 1024))
    assert read_image(path, shrink_to=128).image.size == (256, 256)
    assert read_image(path).image.size == (1024, 1024)


def test_dicom_without_window_is_stretched(tmp_path: Path) -> None:
    pixels = _pixels(write_dicom(tmp_path / "a.dcm", RAMP))
    assert (pixels[0, 0], pixels[-1, -1]) == (0, 255)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain = _pixels(write_dicom(tmp_path / "a.dcm", RAMP))
    path = write_dicom(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(_pixels(path), 255 - plain)


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_dicom_window_is_dicoms_formula(tmp_path: Path, kind: str) -> None:
    tags = {"WindowCenter": 1000, "WindowWidth": 501, "PhotometricInterpretation": kind}
    pixels = _pixels(write_dicom(tmp_path / "a.dcm", RAMP, **tags)).astype(float)
    # PS3.3 C.11.2.1.2.1
    expected = np.clip(((RAMP - (1000 - 0.5)) / (501 - 1) + 0.5) * 255, 0, 255)
    expected = 255 - expected if kind == "MONOCHROME1" else expected
    assert np.abs(pixels - expected).max() <= 1


def test_window_narrower_than_the_values_keeps_its_own_scale(tmp_path: Path) -> None:
    # All values lie in the lower half of the window: the picture must stay dark.
    half = (RAMP // 2).astype(np.uint16)
    pixels = _pixels(write_dicom(tmp_path / "a.dcm", half, WindowCenter=2048, WindowWidth=4096))
    assert 126 <= pixels.max() <= 129


def test_rescale_comes_before_the_window(tmp_path: Path) -> None:
    window = {"WindowCenter": 0, "WindowWidth": 2000}
    tags = {"RescaleSlope": 2, "RescaleIntercept": -1000, **window}
    pixels = _pixels(write_dicom(tmp_path / "a.dcm", RAMP, **tags)).reshape(-1)
    assert pixels[0] == 0 and pixels[1000] == 255
    assert abs(int(pixels[500]) - 128) <= 1


def test_negative_slope_turns_the_values_over(tmp_path: Path) -> None:
    tags = {"RescaleSlope": -1, "RescaleIntercept": 0}
    pixels = _pixels(write_dicom(tmp_path / "a.dcm", RAMP, **tags))
    assert (pixels[0, 0], pixels[-1, -1]) == (255, 0)


def test_signed_pixels(tmp_path: Path) -> None:
    signed = (RAMP.astype(np.int16) - 2048).astype(np.int16)
    pixels = _pixels(write_dicom(tmp_path / "a.dcm", signed, BitsStored=16, HighBit=15))
    assert (pixels[0, 0], pixels[-1, -1]) == (0, 255)


def test_first_of_several_windows(tmp_path: Path) -> None:
    several = {"WindowCenter": [1000, 3000], "WindowWidth": [501, 50]}
    one = {"WindowCenter": 1000, "WindowWidth": 501}
    first = _pixels(write_dicom(tmp_path / "a.dcm", RAMP, **several))
    assert np.array_equal(first, _pixels(write_dicom(tmp_path / "b.dcm", RAMP, **one)))


def test_padding_does_not_stretch_the_picture(tmp_path: Path) -> None:
    padded = np.clip(RAMP, 1000, 2000)
    plain = _pixels(write_dicom(tmp_path / "a.dcm", padded))
    padded = padded.copy()
    padded[:4] = 4095
    path = write_dicom(tmp_path / "b.dcm", padded, PixelPaddingValue=4095)
    assert np.array_equal(_pixels(path)[4:], plain[4:])


def test_look_up_table_of_the_file(tmp_path: Path) -> None:
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 8]
    item.LUTData = [255 - n // 16 for n in range(4096)]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    pixels = _pixels(write_dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[item]))
    assert (pixels[0, 0], pixels[-1, -1]) == (255, 0)


def test_header(tmp_path: Path) -> None:
    tags = {
        "PatientID": "P7", "StudyInstanceUID": "1.2.7", "AccessionNumber": "A7",
        "ViewPosition": "AP", "PatientSex": "F", "PatientAge": "061Y",
    }  # fmt: skip
    header = read_image(write_dicom(tmp_path / "a.dcm", RAMP, **tags)).header
    assert (header.patient_id, header.study_id, header.accession) == ("P7", "1.2.7", "A7")
    assert (header.view, header.sex, header.age) == ("AP", "F", 61)


def test_view_from_the_orientation_where_none_is_stated(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, PatientOrientation=["A", "F"])
    assert read_image(path).header.view == "LATERAL"


@pytest.mark.parametrize(
    ("position", "orientation", "view"),
    [("PA", ["A", "F"], "PA"), ("", ["R", "F"], "FRONTAL"), (None, ["P", "H"], "LATERAL"),
     ("LARGE LATERAL", None, "LATERAL"), (None, ["L", "P"], None), ("odd", None, "ODD")],
)  # fmt: skip
def test_view_of(position: str | None, orientation: list[str] | None, view: str | None) -> None:
    assert view_of(position, orientation) == view


@pytest.mark.parametrize(("text", "age"), [("012W", 12 * 7 / 365.25), ("", None), ("Y", None)])
def test_years(text: str, age: float | None) -> None:
    assert years(text) == pytest.approx(age)


def _cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def _damaged(folder: Path, kind: str) -> Path:
    path = folder / "a.bin"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no image")
    elif kind == "png head":
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
    elif kind == "png bits":
        data = bytearray(write_png(folder / "b.png", pattern(1)).read_bytes())
        data[60:90] = bytes(30)
        path.write_bytes(data)
    elif kind == "dicom head":
        path.write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x00")
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("missing", "missing file"), ("empty", "empty file"), ("text", "no known image format"),
     ("png head", "truncated|unreadable"), ("png bits", "unreadable"),
     ("dicom head", "no pixels|unread")],
)  # fmt: skip
def test_no_image(tmp_path: Path, kind: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as caught:
        read_image(_damaged(tmp_path, kind))
    assert pickle.loads(pickle.dumps(caught.value)).reason == caught.value.reason


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.dcm"])
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_truncated_image(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    write = write_dicom if name.endswith("dcm") else write_png
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 4000, (128, 128)).astype(np.uint16)
    write(path, noise if name.endswith("dcm") else noise.astype(np.uint8))
    with pytest.raises(ImageError, match=r"truncated image|unreadable image"):
        read_image(_cut(path, share))


def test_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("L", (16_000, 16_000)).save(stream, "PNG")  # 256 million pixels in 250 kB
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(tmp_path / "a.png")
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(write_png(tmp_path / "b.png", pattern(1)), max_pixels=100)
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(write_dicom(tmp_path / "c.dcm", RAMP, Rows=60_000, Columns=60_000))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [({"NumberOfFrames": 2}, "several frames"),
     ({"PhotometricInterpretation": "PALETTE COLOR"}, "no grey image")],
)  # fmt: skip
def test_dicom_of_another_kind(tmp_path: Path, tags: dict[str, object], reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_image(write_dicom(tmp_path / "a.dcm", RAMP, **tags))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [({"Rows": 2, "Columns": 2}, "another size"), ({"Rows": 20_000}, "truncated"),
     ({"Rows": 0}, "too many pixels"), ({"BitsAllocated": 1}, "unreadable"),
     ({"RescaleSlope": float("nan"), "RescaleIntercept": 0}, "no finite"),
     ({"NumberOfFrames": -1}, "several frames")],
)  # fmt: skip
def test_dicom_that_lies_about_its_pixels(
    tmp_path: Path, tags: dict[str, object], reason: str
) -> None:
    with pytest.raises(ImageError, match=reason):
        read_image(write_dicom(tmp_path / "a.dcm", RAMP, **tags))


@pytest.mark.parametrize(("width", "height"), [(4000, 4000), (10, 10), (0, 64), (2**31, 1)])
def test_png_that_lies_about_its_size(tmp_path: Path, width: int, height: int) -> None:
    data = bytearray(write_png(tmp_path / "a.png", pattern(1)).read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError):
        _pixels(tmp_path / "a.png")


def test_dicom_without_pixels(tmp_path: Path) -> None:
    import pydicom

    path = write_dicom(tmp_path / "a.dcm", RAMP)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    with pytest.raises(ImageError, match="no pixels"):
        read_image(path)


@pytest.mark.parametrize(
    ("uid", "reason"),
    [(JPEG2000Lossless, "no decoder|unreadable"), (DeflatedExplicitVRLittleEndian, "deflated")],
)
def test_dicom_in_a_transfer_syntax_we_do_not_take(tmp_path: Path, uid: str, reason: str) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP)
    data = path.read_bytes()
    old = b"1.2.840.10008.1.2.1\0"
    new = uid.encode() + b"\0" * (len(uid) % 2)
    # The same element with another value; the group's length is adjusted with it.
    at = data.index(old)
    grown = len(new) - len(old)
    length = int.from_bytes(data[140:144], "little") + grown
    head = data[:140] + length.to_bytes(4, "little") + data[144 : at - 2]
    path.write_bytes(head + len(new).to_bytes(2, "little") + new + data[at + len(old) :])
    with pytest.raises(ImageError, match=reason):
        read_image(path)
