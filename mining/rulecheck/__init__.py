"""What the rules do: on a corpus, on their own sentences, on the golden set, on frozen parses."""

from mining.rulecheck.cases import Golden, GoldenFileError, load_golden
from mining.rulecheck.check import RuleCheck, RuleReport, check_rules
from mining.rulecheck.corpus import Corpus, corpus_of, read_corpus

__all__ = [
    "Corpus",
    "Golden",
    "GoldenFileError",
    "RuleCheck",
    "RuleReport",
    "check_rules",
    "corpus_of",
    "load_golden",
    "read_corpus",
]
