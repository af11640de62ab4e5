"""The command line: one file per verb; each imports what it needs only when it is called."""

from flows.cli.app import main

__all__ = ["main"]
