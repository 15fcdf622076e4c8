import signal
import subprocess

from tests.embedded.die_with_parent import command_line
from tests.run.errors import CannotRun
from tests.run.procfile import RELEASE, ROOT, shell_command
from tests.run.var_directory import VarDirectory


def release(command: str, var: VarDirectory) -> None:
    """Run the release process to its end, before any other starts.

    Raises:
        CannotRun: it failed; the end of its output is in the text.
    """
    with var.log(RELEASE).open("wb") as log:
        done = subprocess.run(
            command_line(shell_command(command), death_signal=signal.SIGKILL),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches us only; we end it on the way out
            check=False,
        )
    if done.returncode != 0:
        raise CannotRun(f"{RELEASE} failed ({command}: {done.returncode}); {var.last_lines(RELEASE)}")
