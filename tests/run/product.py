import time
from collections.abc import Callable
from contextlib import ExitStack

from sqlalchemy import func, select

from billing_core.database import Database, create_engine_for
from billing_core.models import User
from config.settings import Settings
from tests.run.embedded_parts import EmbeddedParts
from tests.run.environment import Parts, export_surroundings
from tests.run.procfile import RELEASE, read_procfile
from tests.run.readiness import wait_until_ready
from tests.run.release import release
from tests.run.supervision import Supervisord
from tests.run.var_directory import VarDirectory

_POLL = 0.2  # s


class Product:
    """The Procfile's processes on their parts. What is started goes on the stack, which stops it in reverse order."""

    database: Database
    user_id: int | None = None
    """A user for the story, or for a real account's test customers; None where the database is not ours to fill."""

    def __init__(self, var: VarDirectory, parts: Parts, stack: ExitStack, say: Callable[[str], None]) -> None:
        self._var = var
        self._wants_user = parts.database or parts.stripe
        self._parts = EmbeddedParts(parts, var, stack)
        self._supervisord = Supervisord(var)
        self._stack = stack
        self._say = say

    def start(self, settings: Settings) -> Settings:
        """Return, with the settings in force, when every process does its work.

        Raises:
            CannotRun: one does not start.
        """
        began = time.monotonic()
        export_surroundings()
        settings = self._parts.start(settings)
        release(read_procfile()[RELEASE], self._var)
        self.database = Database(create_engine_for(settings.database_url, pool_size=1))
        self._stack.callback(self.database.dispose)
        if self._wants_user:
            self.user_id = self._add_user()
        self._stack.enter_context(self._supervisord)
        wait_until_ready(settings, self.keep_watch, self._var, self._say)
        self._say(f"Everything is up after {time.monotonic() - began:.1f} s. The processes write to {self._var.logs}/")
        return settings

    def keep_watch(self) -> None:
        """Say what ended by itself; supervisord starts the Procfile's processes again, and we the embedded parts.

        Raises:
            CannotRun: a process does not stay up.
        """
        for ended in self._supervisord.news():
            self._say(f"{ended.process} ended ({ended.how}) and is started again")
        for news in self._parts.revive():
            self._say(news)

    def stay_up(self) -> None:
        """Return at Ctrl-C.

        Raises:
            CannotRun: a process does not stay up.
        """
        try:
            while True:
                self.keep_watch()
                time.sleep(_POLL)
        except KeyboardInterrupt:
            self._say("\nstopping")

    def _add_user(self) -> int:
        with self.database.write() as session:
            # Babelfish, which may stand in for SQL Server, does not make an ID for a row of nothing else.
            user_id = 1 + (session.scalar(select(func.max(User.user_id))) or 0)
            session.add(User(user_id=user_id))
        return user_id
