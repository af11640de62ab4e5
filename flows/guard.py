"""Ends Prefect's temporary server with us, even when we are killed.

Prefect stops the server it has started when the interpreter exits, which a killed one does not do:
a server of 200 MB would stay behind for every killed run.
"""

import atexit
import os
import subprocess

import psutil

_SERVER = "prefect.server.api.server:create_app"
# Waits for our next line. We send one when we exit; its end without a line means that we are gone.
_WATCH = 'read -r line || kill "$@" 2>/dev/null'
_guarded: set[int] = set()


def guard_server() -> None:
    """Returns when each temporary Prefect server of this process has a guard."""
    for child in psutil.Process().children():
        if child.pid not in _guarded and _is_server(child):
            _guarded.add(child.pid)
            guard = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "guard", str(child.pid)],
                stdin=subprocess.PIPE,
                start_new_session=True,  # what ends us from a terminal must not end it first
            )
            atexit.register(_dismiss, guard, os.getpid())


def _dismiss(guard: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:  # not in a fork of ours
        guard.communicate(b"done\n")


def _is_server(process: psutil.Process) -> bool:
    try:
        return _SERVER in process.cmdline()
    except psutil.Error:  # it has just ended
        return False
