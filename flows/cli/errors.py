"""What the user sees when something fails: one line for a mistake, the traceback for a fault."""

import sys
import traceback

from mining.printable import printable

USER_MISTAKE = 2
FAULT = 1
INTERRUPTED = 130

_OURS = ("data_contracts", "flows", "mining", "modeling")
# Rows that do not add up are our fault, whatever the input.
_FAULTS = ("RowsLostError",)


def report_error(error: Exception) -> int:
    """The exit code for this error, after saying on standard error what was wrong.

    The exception classes of our own packages and the usual errors of files tell of something that
    the user can mend: one line. Anything else is a fault of the program and keeps its traceback.
    """
    shown = getattr(error, "format_message", None)  # a mistake in the command line itself
    if shown is not None:
        return _say(shown()) if shown() else USER_MISTAKE  # empty: the help was shown instead
    if type(error).__name__ == "Abort" or isinstance(error, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    if isinstance(error, MemoryError):
        return _say("no memory left; use fewer --workers, or smaller blocks or files")
    if isinstance(error, OSError):
        named = error.filename is not None and error.strerror
        return _say(f"{error.filename}: {error.strerror}" if named else str(error))
    for line in getattr(error, "lines", ()):  # what a list says better than a sentence
        print(printable(line), file=sys.stderr)
    ours = type(error).__module__.split(".")[0] in _OURS
    if ours and type(error).__name__ not in _FAULTS:
        return _say(str(error))
    traceback.print_exception(error)
    return FAULT


def _say(message: str) -> int:
    print("cxrmine: " + printable(" ".join(message.split())), file=sys.stderr)
    return USER_MISTAKE
