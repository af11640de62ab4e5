"""The audit's small tables, for the tests of samples."""

from tests.mining.audit.conftest import make_gold, make_labels

__all__ = ["make_gold", "make_labels"]
