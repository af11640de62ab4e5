"""The receipt of forgetting: ids of reports, and hashes of sentences. It holds no text."""

import json
from pathlib import Path

from flows.forget_search import Target


class ReceiptError(ValueError):
    """A file that is no receipt: which, and what was found."""

    def __init__(self, path: Path, found: str) -> None:
        self.path, self.found = path, found
        super().__init__(f"{path}: found {found}, expected what `forget --receipt` has written.")


def write_receipt(path: Path, target: Target) -> None:
    """Returns when the file at `path` says what was forgotten; what it said before is kept."""
    earlier = _read(path) if path.exists() else {"reports": [], "sentences": []}
    receipt = {
        "reports": sorted(target.reports | set(earlier["reports"])),
        "sentences": sorted(target.sentences | set(earlier["sentences"])),
    }
    path.write_text(json.dumps(receipt, indent=1) + "\n", encoding="utf-8")


def read_receipt(path: Path) -> frozenset[str]:
    """The hashes of the sentences that were forgotten. Errors: ReceiptError, OSError."""
    return frozenset(_read(path)["sentences"])


def _read(path: Path) -> dict[str, list[str]]:
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
        return {name: [str(x) for x in receipt[name]] for name in ("reports", "sentences")}
    except (ValueError, KeyError, TypeError) as error:
        raise ReceiptError(path, f"no receipt ({type(error).__name__})") from error
