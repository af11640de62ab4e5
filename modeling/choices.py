"""Names that a caller chooses by: one error for all of them."""

from __future__ import annotations

from collections.abc import Collection


class UnknownChoiceError(ValueError):
    """A name that nothing is known by: what it should name, the `name`, and those `known`."""

    def __init__(self, what: str, name: object, known: Collection[str]) -> None:
        self.what, self.name, self.known = what, name, tuple(known)
        super().__init__(
            f"{what} {name!r} is unknown; expected one of {', '.join(self.known)}. "
            "Use one of these names."
        )


def choose(what: str, name: str, known: Collection[str]) -> str:
    """The name, if it is known. UnknownChoiceError otherwise.

    >>> choose("pooling", "max", ("average", "max"))
    'max'
    """
    if name not in known:
        raise UnknownChoiceError(what, name, known)
    return name
