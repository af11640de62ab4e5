"""Reports out of whatever they come in: files and folders in, one table of reports out."""

from .accounts import AccountsError, IngestCounts
from .mapping import ColumnMapping, MappingError
from .passes import ingest
from .rows import RawReject, RawReport, Reason, SourceError
from .source import read_source

__all__ = [
    "AccountsError",
    "ColumnMapping",
    "IngestCounts",
    "MappingError",
    "RawReject",
    "RawReport",
    "Reason",
    "SourceError",
    "ingest",
    "read_source",
]
