"""What can be said against rules without a corpus: duplicates, labels, dead examples, words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mining.assertion.language import Expression, Node, Path
from mining.assertion.rulebook import Rule, RuleBook
from mining.examples import fires, judge_example, read_example, rule_examples
from mining.parsing import Parser
from mining.parsing.frozen import FrozenParser
from mining.reading import cut


@dataclass(frozen=True, slots=True)
class WordList:
    """A list as rules use it, and those of its `words` that no text holds."""

    name: str
    rules: tuple[str, ...]
    words: tuple[str, ...]


def kind_of(rule: Rule) -> str:
    """What a rule looks at: "graph", "words" or "both"."""
    kinds = {isinstance(expression, Path) for expression in rule.expressions}
    return "both" if len(kinds) == 2 else "graph" if True in kinds else "words"


def example_parser(book: RuleBook, parser: Parser) -> FrozenParser:
    """The trees of all the rules' example sentences, parsed in one batch."""
    texts = [read_example(sentence).text for _, sentence, _ in rule_examples(book)]
    return FrozenParser(parser.id, dict(zip(texts, parser.parse(texts), strict=True)))


def broken_examples(book: RuleBook, parser: Parser) -> dict[str, list[str]]:
    """By rule id what its own examples say: each `yes` it does not decide, each `no` it does."""
    broken: dict[str, list[str]] = {}
    for rule, sentence, wanted in rule_examples(book):
        form = min(rule.forms, default="")
        ruling = judge_example(sentence, book, None if rule.fallback else parser, form)
        if fires(rule, ruling) is not wanted:
            told = f"decided by {ruling.rule_id}" if wanted else "fires on its near-miss"
            broken.setdefault(rule.id, []).append(f"{told}: {sentence}")
    return broken


def duplicates(book: RuleBook) -> dict[str, set[str]]:
    """By rule id the other rules (or itself) that hold the same expression under the same terms."""
    holders: dict[object, list[str]] = {}
    for rule in book.rules:
        for expression in rule.expressions:
            holders.setdefault(_terms(rule, expression), []).append(rule.id)
    found: dict[str, set[str]] = {}
    for ids in holders.values():
        for number, rule_id in enumerate(ids):
            others = {*ids[:number], *ids[number + 1 :]}
            if others:
                found.setdefault(rule_id, set()).update(others)
    return found


def _terms(rule: Rule, expression: Expression) -> object:
    """All that decides where an expression of a rule matches, names of lists apart."""
    vetoes = frozenset(canonical(veto) for veto in rule.unless)
    own = rule.exact if isinstance(expression, Path) else (rule.stops, rule.same_clause)
    return canonical(expression), vetoes, own, rule.forms, rule.verdict is None


def canonical(expression: Expression) -> object:
    """The expression without its spelling: equal where two expressions match alike."""
    if not isinstance(expression, Path):
        sides = (expression.before, expression.after)
        return tuple(tuple((i.node.words, i.gap, i.optional) for i in side) for side in sides)
    numbers = {"FINDING": 0}
    steps = []
    for step in expression.steps:
        known = step.target.name in numbers
        target = numbers.setdefault(step.target.name, len(numbers))
        words = None if known else step.target.words
        steps.append((numbers[step.source], step.up, step.far, step.labels, target, words))
    return tuple(steps)


def impossible_labels(
    book: RuleBook, possible: Collection[str]
) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """Per rule the expressions that can never match for want of a label, and labels in vain.

    The second tells of the labels that stand beside others which the parser does give.
    """
    dead: dict[str, list[str]] = {}
    vain: dict[str, set[str]] = {}
    for rule in book.rules:
        for expression in (*rule.expressions, *rule.unless):
            for step in expression.steps if isinstance(expression, Path) else ():
                missing = (step.labels or frozenset()) - frozenset(possible)
                if missing and missing == step.labels:
                    dead.setdefault(rule.id, []).append(expression.text)
                elif missing:
                    vain.setdefault(rule.id, set()).update(missing)
    return dead, vain


def parser_labels(name: str, trees: Iterable[object]) -> tuple[frozenset[str], bool]:
    """The labels that a parser gives, and whether they are all that it can ever give.

    Of the embedded parser they are read from its weights; of others the labels of the trees that
    it gave for the corpus and the examples.
    """
    if name == "embedded":
        from mining.parsing.embedded import read_pipeline

        labels = read_pipeline().get_pipe("parser").labels  # type: ignore[attr-defined]
        return frozenset(label.partition("||")[0].replace("ROOT", "root") for label in labels), True
    seen = frozenset(label for tree in trees for label in getattr(tree, "labels", ()))
    return seen, False


def word_lists(book: RuleBook) -> Mapping[tuple[str, frozenset[str]], list[str]]:
    """The word lists that the rules' expressions use, each with the rules that do."""
    lists: dict[tuple[str, frozenset[str]], list[str]] = {}
    for rule in book.rules:
        for expression in (*rule.expressions, *rule.unless):
            for node in _nodes(expression):
                if node.words is not None:
                    users = lists.setdefault((node.name, node.words), [])
                    if rule.id not in users:
                        users.append(rule.id)
    return lists


def unseen_words(book: RuleBook, seen: frozenset[str]) -> list[WordList]:
    """The lists with words that are not among the `seen` ones nor in any example of a rule."""
    known = seen | {
        word
        for _, sentence, _ in rule_examples(book)
        for word in cut(read_example(sentence).text).words
    }
    return [
        WordList(name, tuple(users), tuple(sorted(words - known)))
        for (name, words), users in word_lists(book).items()
        if words - known
    ]


def _nodes(expression: Expression) -> Iterator[Node]:
    if isinstance(expression, Path):
        yield from (step.target for step in expression.steps)
    else:
        yield from (item.node for item in (*expression.before, *expression.after))
