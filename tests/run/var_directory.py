import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from tests.run.errors import CannotRun

_SHOWN_LINES = 15


class VarDirectory:
    """Where a run keeps what it makes: the SQLite file, Redis' data, logs."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.fake_stripe = self.path / "fake_stripe"
        self.supervisord = self.path / "supervisord"
        self.flower = self.path / "flower"
        self.logs = self.path / "log"
        self.database = self.path / "billing.db"
        self.exports = self.path / "environment"

    @property
    def database_url(self) -> str:
        """The address of the SQLite file."""
        return URL.create("sqlite", database=str(self.database)).render_as_string()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second run away from the directory, since each run cleans it.

        Raises:
            CannotRun: another run uses it.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # what Stripe sends names people
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotRun(f"another `make run` uses {self.path}; stop it, or choose --var DIR") from None
            yield

    def clean(self, *, database: bool) -> None:
        """Begin anew: remove what an earlier run left; the database only where it is ours."""
        for folder in (self.redis, self.fake_stripe, self.supervisord, self.flower, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        self.exports.unlink(missing_ok=True)
        for file in self.path.glob(f"{self.database.name}*") if database else ():
            file.unlink()

    def log(self, process: str) -> Path:
        """Return where a process type's output goes."""
        return self.logs / f"{process}.log"

    def last_lines(self, process: str) -> str:
        """Return the end of a process type's output, for an error message."""
        log = self.log(process)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join([f"the end of {log}:", *(f"  {line}" for line in lines[-_SHOWN_LINES:] or ["(nothing)"])])
