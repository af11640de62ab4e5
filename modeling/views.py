"""The view of an image, in one spelling whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

FRONTAL = "FRONTAL"
LATERAL = "LATERAL"
# Frontal without saying from which side is FRONTAL, so that nobody takes it for PA.
FRONTAL_VIEWS = ("PA", "AP", FRONTAL)
_SPELLINGS = {"LL": "LL", "RL": "RL", "LARGE LATERAL": LATERAL, "L": LATERAL, "LAT": LATERAL}


def view_of(position: str | None, orientation: Sequence[str] | None = None) -> str | None:
    """The view by DICOM's View Position, else by Patient Orientation; None when neither says.

    Rows that run to the patient's left or right are a frontal view, rows that run to the front or
    back a lateral one (DICOM PS3.3 C.7.6.1.1.1); among the OpenI images that state both, the two
    never disagree.

    >>> view_of("pa "), view_of(None, ["L", "F"]), view_of("", ["A", "F"]), view_of(None)
    ('PA', 'FRONTAL', 'LATERAL', None)
    """
    stated = (position or "").strip().upper()
    if stated:
        return _SPELLINGS.get(stated, stated)
    if orientation and len(orientation) == 2 and orientation[1][:1].upper() in "FH":
        side = orientation[0][:1].upper()
        if side in ("L", "R"):
            return FRONTAL
        if side in ("A", "P"):
            return LATERAL
    return None


def is_frontal(images: pa.Table) -> pa.ChunkedArray:
    """True for the images of an `images` table that are known to be frontal views."""
    known = pc.is_in(images["view"], value_set=pa.array(FRONTAL_VIEWS, pa.string()))
    return pc.fill_null(known, False)
