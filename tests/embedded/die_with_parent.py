"""Start a command so that it ends when the process that started it ends, even by kill -9.

No exit handler runs in a process that is killed, so the kernel must do it: PR_SET_PDEATHSIG. It is set by
running this file between parent and command, not by Popen's preexec_fn: that may deadlock where the parent
has threads, and Python 3.12 warns about it.

What to know of PR_SET_PDEATHSIG: it fires when the *thread* that started the command ends; execve keeps it,
a change of user clears it (so the user is changed first); only Linux has it.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Account(NamedTuple):
    """Whom a command runs as."""

    uid: int
    gid: int


def command_line(command: Sequence[str], *, death_signal: signal.Signals, account: Account | None = None) -> list[str]:
    """Return what to give to Popen from a thread that lives as long as the command should.

    The pid of the Popen is the command's own: each step replaces the one before.

    Args:
        command: the program, by absolute path, and its arguments.
        death_signal: what the command receives when we are gone.
        account: whom to become first; only root can.
    """
    uid, gid = account or (os.geteuid(), os.getegid())
    numbers = [str(number) for number in (os.getpid(), int(death_signal), uid, gid)]
    # -I -S: neither the environment nor site-packages (coverage among them) has a part in this.
    return [sys.executable, "-I", "-S", __file__, *numbers, *command]


def _become(account: Account) -> None:
    if account.uid != os.geteuid():
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)


def _main(parent: int, death_signal: int, account: Account, command: list[str]) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    _become(account)
    if prctl and prctl(_PR_SET_PDEATHSIG, death_signal) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it ended before the kernel knew of our wish
        return
    os.execv(command[0], command)


if __name__ == "__main__":
    _parent, _signal, _uid, _gid = (int(argument) for argument in sys.argv[1:5])
    _main(_parent, _signal, Account(_uid, _gid), sys.argv[5:])
