"""How good the labels are: precision, recall and F1 with intervals, and what was left out."""

from .gold import gold_differences, read_gold
from .holdout import select_ids
from .mesh import mark_unindexed, mesh_gold
from .outcomes import AuditError
from .paired import paired_difference
from .scores import AuditResult, audit
from .stats import label_statistics

__all__ = [
    "AuditError",
    "AuditResult",
    "audit",
    "gold_differences",
    "label_statistics",
    "mark_unindexed",
    "mesh_gold",
    "paired_difference",
    "read_gold",
    "select_ids",
]
