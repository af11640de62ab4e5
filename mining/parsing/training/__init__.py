"""The recipe of the embedded parser's weights.

    python -m mining.parsing.training --treebanks DIR --out DIR

reads six CoNLL-U files (`treebanks.py` knows their checksums, docs/parser.md says where their
public releases are), adds copies in the manner of clinical notes (`augment.py`) and sentences
generated from the grammar files (`grammar.py`, `grammar/*.dep`), trains on one core with a fixed
seed (`train.py`) and lets the weights pass only if negated lists are read right (`list_probe.py`).
"""
