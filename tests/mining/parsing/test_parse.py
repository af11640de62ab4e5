"""What may call itself a tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.parsing import InvalidParseError, Parse, UnknownLabelError
from mining.parsing.labels import UD_LABELS, check_labels
from mining.parsing.parse import find_cycle


def _parse(heads: tuple[int, ...], labels: tuple[str, ...]) -> Parse:
    count = len(heads)
    return Parse(tuple(range(0, 2 * count, 2)), tuple(range(1, 2 * count, 2)), heads, labels)


def test_a_tree_knows_its_root_and_length() -> None:
    tree = _parse((1, 1, 1), ("det", "root", "punct"))
    assert (tree.root, len(tree)) == (1, 3)


def test_a_parse_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        _parse((0,), ("root",)).heads = (1,)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("heads", "labels", "found"),
    [
        ((), (), "0 starts"),
        ((0, 1), ("root", "root"), "2 roots"),
        ((1, 0), ("det", "det"), "0 roots"),
        ((0, 2, 1), ("root", "det", "amod"), "circle"),
        ((0, 7), ("root", "det"), "head 7"),
        ((0, -1), ("root", "det"), "head -1"),
        ((0, 0), ("root", "dobj"), "label 'dobj'"),
        ((0, 0), ("det", "det"), "governs itself"),
        ((1, 1), ("root", "root"), "governs itself"),
        ((0,), ("root", "det"), "2 labels"),
    ],
)
def test_arcs_that_are_no_tree_are_refused(
    heads: tuple[int, ...], labels: tuple[str, ...], found: str
) -> None:
    with pytest.raises(InvalidParseError, match=found) as error:
        _parse(heads, labels)
    assert error.value.token >= 0


@pytest.mark.parametrize(
    ("starts", "ends"), [((0, 2), (3, 4)), ((0, 2), (2, 2)), ((4, 0), (5, 1)), ((0, 2), (1,))]
)
def test_offsets_must_ascend(starts: tuple[int, ...], ends: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParseError):
        Parse(starts, ends, (0, 0), ("root", "det"))


@given(st.lists(st.integers(0, 7), min_size=8, max_size=8))
def test_a_cycle_is_found_exactly_when_some_token_reaches_no_root(heads: list[int]) -> None:
    def climbs(token: int) -> bool:
        for _ in heads:
            token = heads[token]
        return heads[token] == token

    found = find_cycle(heads)
    assert (found is None) == all(climbs(token) for token in range(8))
    assert found is None or not climbs(found)


def test_unknown_labels_are_all_named() -> None:
    with pytest.raises(UnknownLabelError, match=r"a model: .*'dobj', 'pobj'") as error:
        check_labels(["nsubj", "pobj", "dobj", "dobj"], "a model")
    assert error.value.labels == ("dobj", "pobj")


def test_the_label_inventory_holds_the_universal_relations_and_no_older_names() -> None:
    assert {"root", "nsubj:pass", "obl", "obj", "nmod", "acl:relcl", "det:predet"} <= UD_LABELS
    assert UD_LABELS.isdisjoint({"dobj", "nsubjpass", "neg", "pobj", "prep", "mwe", "ROOT", ""})
