"""What can go wrong when a parser is loaded, apart from unknown labels."""

__all__ = ["MissingModelError"]


class MissingModelError(LookupError):
    """A parser model that is not installed; `model` is its name, `remedy` the way to get it."""

    def __init__(self, model: str, remedy: str) -> None:
        self.model, self.remedy = model, remedy
        super().__init__(f"parser model {model!r} is not installed; {remedy}")
