import contextlib
import ctypes
import shutil
import signal
import subprocess
from collections.abc import Mapping
from typing import Any, ClassVar, LiteralString

import psycopg
from psycopg import sql

from tests.embedded.die_with_parent import command_line
from tests.embedded.postgres_program import account_for_postgres, make_directory, postgres_programs
from tests.embedded.server_process import ServerNotStarted, ServerProcess

_OWNER = "postgres"
_IPC_RMID = 0  # sys/ipc.h

_OPTIONS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # their paths may have 107 characters at most, and nobody needs them
    "shared_buffers": "16MB",
    "max_connections": "100",
    "io_method": "sync",  # fewer processes than with workers for reading, which tests hardly do
}
# Safe against kill, not against power loss. synchronous_commit stays on: off would lose commits in a kill.
_FAST: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer(ServerProcess):
    """PostgreSQL 18 from a wheel, in a temporary directory that is removed at the end of the `with`.

    One owner, `postgres`, without password, reachable on 127.0.0.1 only; UTF-8 and the C collation, which
    compares bytes. As root it runs as `nobody`.
    """

    # Fast: connections are cut, data is written.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    # Immediate: unlike SIGKILL, it lets the server give back its System V shared memory.
    death_signal: ClassVar[signal.Signals] = signal.SIGQUIT

    def __init__(self, *, fsync: bool = False) -> None:
        """Prepare an empty cluster.

        Args:
            fsync: write through to the disk, as in production: for fault tests. Several times slower.
        """
        account = account_for_postgres()
        super().__init__(make_directory(account), account=account)
        self._programs = postgres_programs(account, self.directory)
        self._data = self.directory / "data"
        self._options = _OPTIONS if fsync else {**_OPTIONS, **_FAST}

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._release_shared_memory()
        shutil.rmtree(self.directory)

    def start(self, timeout: float = 60.0) -> None:
        """Make the cluster if there is none yet; return when it accepts connections, recovery done."""
        if not self._data.exists():
            self._make_cluster()
        super().start(timeout)

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database for SQLAlchemy, through psycopg 3."""
        return f"postgresql+psycopg://{_OWNER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database as a copy of another, which nobody may be connected to. Return its `url`."""
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and cut the connections to it."""
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: LiteralString, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_OWNER,
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
        )

    def _make_cluster(self) -> None:
        options = [f"--username={_OWNER}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        command = [str(self._programs / "initdb"), f"--pgdata={self._data}", *options]
        done = subprocess.run(
            command_line(command, death_signal=signal.SIGKILL, account=self._account),
            cwd=self.directory,
            capture_output=True,
            check=False,
            text=True,
        )
        if done.returncode != 0:
            raise ServerNotStarted(done.stdout + done.stderr)

    def _release_shared_memory(self) -> None:
        """Do what a killed server could not: its System V segment would stay until the machine restarts."""
        lock = self._data / "postmaster.pid"
        written = lock.read_text().splitlines() if lock.exists() and not self.running else []
        for key_and_id in written[6:7]:  # the seventh line, if it got that far
            ctypes.CDLL(None).shmctl(int(key_and_id.split()[1]), _IPC_RMID, None)

    def _command(self) -> list[str]:
        options = [f"--{name}={value}" for name, value in self._options.items()]
        return [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self._connect() as connection:
            return connection.execute("SHOW data_directory").fetchone() == (str(self._data),)
        return False
