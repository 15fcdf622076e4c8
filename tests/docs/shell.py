"""A reader's terminal: a real bash, whose `billing` is answered by this process, since starting one takes a second."""

import json
import os
import selectors
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple, Self
from unittest.mock import patch

from billing_core.cli.runtime import runtime
from tests.billing_core.cli.operator import billing

_BIN = Path(sys.executable).parent

_FORWARD = f"""#!{sys.executable} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect(os.environ["DOCS_DOOR"])
    door.sendall(json.dumps([sys.argv[1:], dict(os.environ)]).encode())
    door.shutdown(socket.SHUT_WR)
    code, out, err = json.loads(door.makefile().read())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Done(NamedTuple):
    """A command that ended: its exit code, and both streams as a terminal shows them."""

    code: int
    output: str


class Shell:
    """One terminal. What a command sets is there for the next."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """Work in a directory that `lay_out` has been at."""
        self._door_path = directory / "door"
        self._directory = directory
        self._environment = {
            "CURL_HOME": str(directory),
            **environment,
            "DOCS_DOOR": str(self._door_path),
            "NO_PROXY": "127.0.0.1",
        }

    def __enter__(self) -> Self:
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self._door_path))
        self._door.listen()
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bash.communicate()
        self._door.close()
        self._door_path.unlink()

    def run(self, command: str) -> Done:
        """Run a command and wait for its end."""
        mark = uuid.uuid4().hex
        self._type(f"{{ {command}\n}} </dev/null; printf '{mark} %d\\n' $?\n")
        output = self._read_until(mark.encode()).decode()
        told, _, code = output.partition(mark)
        return Done(int(code), told)

    def _type(self, text: str) -> None:
        assert self._bash.stdin
        self._bash.stdin.write(text.encode())
        self._bash.stdin.flush()

    def _read_until(self, mark: bytes) -> bytes:
        """Read what bash prints, and answer whoever calls `billing` meanwhile."""
        assert self._bash.stdout
        output = b""
        with selectors.DefaultSelector() as ready:
            ready.register(self._bash.stdout, selectors.EVENT_READ)
            ready.register(self._door, selectors.EVENT_READ)
            while not (mark in output and output.endswith(b"\n")):
                for key, _ in ready.select():
                    if key.fileobj is self._door:
                        self._answer()
                    else:
                        more = os.read(self._bash.stdout.fileno(), 65536)
                        assert more, f"bash ended: {output.decode()}"
                        output += more
        return output

    def _answer(self) -> None:
        caller, _ = self._door.accept()
        with caller, caller.makefile("r") as asked:
            arguments, environment = json.loads(asked.read())
            caller.sendall(json.dumps(run_billing(arguments, environment)).encode())


def run_billing(arguments: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run `billing` in this process with another's environment; return its exit code, stdout and stderr."""
    with patch.dict(os.environ, environment, clear=True), patch.object(sys, "stdin", StringIO()):
        runtime.cache_clear()
        try:
            code, out, err = billing(*arguments)
        finally:
            if runtime.cache_info().currsize:
                runtime().database.dispose()
            runtime.cache_clear()
    return code, out, err


def lay_out(directory: Path) -> None:
    """Give a directory what commands find in a clone: `.venv/bin`, with a `billing` that asks this process."""
    folder = directory / ".venv" / "bin"
    folder.mkdir(parents=True)
    for program in _BIN.iterdir():
        if program.name != "billing":
            (folder / program.name).symlink_to(program)
    forward = folder / "billing"
    forward.write_text(_FORWARD)
    forward.chmod(0o755)
    # Every curl says the status of what it got, in a line of its own.
    (directory / ".curlrc").write_text('silent\nmax-time = 60\nwrite-out = "\\n[%{http_code}]\\n"\n')
