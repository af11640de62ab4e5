"""How many English reports the detector of languages would take for foreign ones.

    CXRMINE_DATA=DATA .venv/bin/python -m benchmarks.languages

Reads OpenI's reports, all of them English, but for the ids in DATA/openi/test_ids.txt: whole, and
their impressions alone, which are short. Prints counts and shares, no text.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

from mining.ingest import RawReport, read_source
from mining.ingest.language import detector_print, foreign_language


def main() -> int:
    """0, after the figures are printed; 2 where it is not known which reports are held out."""
    data = os.environ.get("CXRMINE_DATA")
    if not data:
        print("languages: set CXRMINE_DATA, whose openi/test_ids.txt are left out", file=sys.stderr)
        return 2
    held_out = set((Path(data) / "openi" / "test_ids.txt").read_text().split())
    rows = (one for one in read_source("openi") if isinstance(one, RawReport))
    texts = [one.text for one in rows if one.report_id not in held_out]
    found = (re.search(r"^IMPRESSION: (.*)", text, re.MULTILINE) for text in texts)
    print(detector_print())
    _measure("reports", texts)
    _measure("impressions alone", [one[1] for one in found if one])
    return 0


def _measure(what: str, texts: list[str]) -> None:
    foreign_language("The first answer takes a while: models are read.", "en")
    start = time.perf_counter()
    told = Counter(code for text in texts if (code := foreign_language(text, "en")))
    spent = (time.perf_counter() - start) / len(texts)
    share = told.total() / len(texts)
    print(f"{what}: {told.total()} of {len(texts):,} taken for foreign ({share:.2%}) {dict(told)}, "
          f"{spent * 1e3:.2f} ms each")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
