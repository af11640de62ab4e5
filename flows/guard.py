"""Ends Prefect's servers with us, even when we are killed.

Prefect stops a server that it has started when the interpreter exits, which a killed one does not
do: a server of 200 MB would stay behind for every killed run, from the moment it is begun. So who
guards us is there before, and finds servers by what they have inherited from us.
"""

import atexit
import os
import secrets
import subprocess

MARK = "CXRMINE_GUARDED"
# Waits for our next line. We send one when we exit; the end without a line means that we are gone.
# Then what was just being started is given the time to show its name.
_WATCH = """
read -r line && exit
sleep 0.5
for process in /proc/[0-9]*; do
    tr '\\0' '\\n' < "$process/environ" | grep -qxF "$1" || continue
    grep -qF prefect "$process/cmdline" && kill "${process#/proc/}"
done
"""
_guarded: set[int] = set()


def guard_servers() -> None:
    """Returns when Prefect's servers that this process starts from now on have a guard.

    A guard knows them by a variable in their environment, which only Linux shows.
    """
    if os.getpid() in _guarded:
        return
    _guarded.add(os.getpid())
    token = secrets.token_hex(16)
    others = {name: value for name, value in os.environ.items() if name != MARK}
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, "guard", f"{MARK}={token}"],
        env=others,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # processes that are not ours, or have just ended
        start_new_session=True,  # what ends us from a terminal must not end it first
    )
    os.environ[MARK] = token
    atexit.register(_dismiss, guard, os.getpid())


def _dismiss(guard: "subprocess.Popen[bytes]", owner: int) -> None:
    if os.getpid() == owner:  # not in a fork of ours
        guard.communicate(b"done\n")
