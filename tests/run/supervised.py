"""`python -m tests.run.supervised VAR`: supervisord over the Procfile's process types.

Why supervisord: what must be right about a supervisor (reaping, backing off, stopping whole process groups, killing
what will not stop) it has got right for twenty years. Its configuration is written here, by the process that becomes
supervisord, since only here its process id is known, which lets its children end with it, even by kill -9.
"""

import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from supervisor import supervisord

from tests.embedded.die_with_parent import command_line
from tests.run.procfile import RELEASE, ROOT, read_procfile, shell_command
from tests.run.var_directory import VarDirectory

# Whoever ends sooner than this did not start, is tried three times more, and given up. A slow machine needs seconds
# to find out that an import or a setting is wrong.
_START_SECONDS = 10
# Everything must be down within 10 s of Ctrl-C, with Redis and fake Stripe after these.
_STOP_SECONDS = 4

_GROUP = "billing"  # the members of one group are stopped side by side, groups one after the other


def configuration(processes: Mapping[str, str], var: VarDirectory) -> str:
    """Return supervisord's configuration. http://supervisord.org/configuration.html"""
    names = [name for name in processes if name != RELEASE]
    head: dict[str, Mapping[str, object]] = {
        "supervisord": {
            "nodaemon": "true",
            "silent": "true",  # its log is a file, as everybody's here
            "logfile": var.log("supervisord"),
            "pidfile": var.supervisord / "pid",
        },
        f"group:{_GROUP}": {"programs": ",".join(names)},
    }
    programs = {f"program:{name}": _program(processes[name], var.log(name)) for name in names}
    return "\n".join(_section(name, options) for name, options in {**head, **programs}.items())


def _program(command: str, log: Path) -> dict[str, object]:
    # SIGTERM, not SIGKILL, on the end of supervisord: a process with children of its own takes them along.
    supervised = command_line(shell_command(command), death_signal=signal.SIGTERM)
    return {
        "command": shlex.join(supervised),
        "directory": ROOT,
        "stdout_logfile": log,
        "redirect_stderr": "true",
        "autorestart": "true",
        "startsecs": _START_SECONDS,
        "stopwaitsecs": _STOP_SECONDS,
        "stopasgroup": "true",
        "killasgroup": "true",
    }


def _section(name: str, options: Mapping[str, object]) -> str:
    # supervisord expands % in every value.
    lines = [f"{option} = {str(value).replace('%', '%%')}" for option, value in options.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def main() -> None:
    """Become supervisord."""
    var = VarDirectory(Path(sys.argv[1]))
    file = var.supervisord / "supervisord.conf"
    file.write_text(configuration(read_procfile(), var))
    supervisord.main(["--configuration", str(file)])


if __name__ == "__main__":
    main()
