"""What the tables of cxrmine are, and how they are written and read."""

from .boxes import BOXES
from .contract import Contract, ContractError, column, schema_of
from .disagreements import DISAGREEMENTS
from .distinct_sentences import DISTINCT_SENTENCES
from .filtered import FILTERED
from .findings import (
    CHESTXRAY8,
    CHESTXRAY14,
    CHEXPERT14,
    CHEXPERT_OF,
    Finding,
    UnknownFindingError,
    finding_set,
    finding_set_names,
    nih_name,
)
from .flips import FLIPS
from .gold import gold_contract
from .images import IMAGES
from .judgements import JUDGEMENTS
from .labels import findings_in, labels_contract
from .mentions import MENTIONS
from .parquet import (
    content_hash,
    iter_tables,
    part_paths,
    read_provenance,
    read_table,
)
from .parses import PARSES
from .predictions import PREDICTIONS
from .rejects import REJECTS
from .reports import REPORTS
from .samples import SAMPLES
from .sentences import SENTENCES
from .split import Checked, check_rows, fingerprint
from .states import Experiencer, ReportStatus, Temporality, Verdict
from .textless import MENTIONS_WITHOUT_TEXT, REPORTS_WITHOUT_TEXT, has_text, write_without_text
from .writing import TableWriter, write_table

__all__ = [
    "BOXES",
    "CHESTXRAY8",
    "CHESTXRAY14",
    "CHEXPERT14",
    "CHEXPERT_OF",
    "DISAGREEMENTS",
    "DISTINCT_SENTENCES",
    "FILTERED",
    "FLIPS",
    "IMAGES",
    "JUDGEMENTS",
    "MENTIONS",
    "MENTIONS_WITHOUT_TEXT",
    "PARSES",
    "PREDICTIONS",
    "REJECTS",
    "REPORTS",
    "REPORTS_WITHOUT_TEXT",
    "SAMPLES",
    "SENTENCES",
    "Checked",
    "Contract",
    "ContractError",
    "Experiencer",
    "Finding",
    "ReportStatus",
    "TableWriter",
    "Temporality",
    "UnknownFindingError",
    "Verdict",
    "check_rows",
    "column",
    "content_hash",
    "finding_set",
    "finding_set_names",
    "findings_in",
    "fingerprint",
    "gold_contract",
    "has_text",
    "iter_tables",
    "labels_contract",
    "nih_name",
    "part_paths",
    "read_provenance",
    "read_table",
    "schema_of",
    "write_table",
    "write_without_text",
]
