"""The keys among the settings follow their files, so that a rotated key is taken without a restart."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import structlog

from config.loading import load_settings, secrets_dir
from config.settings import VARIABLES, Settings, SettingsError

log = structlog.get_logger()

# What is followed. Any other setting holds for as long as its process lives.
KEYS = ("stripe_secret_key", "stripe_webhook_secrets", "jwt_secret", "jwt_public_key")

T = TypeVar("T")
Mark = tuple[str, int, int, int, int]


class KeyFiles:
    """The settings of one process, with the keys that are in force in it.

    Attributes:
        settings: as at the start, but for the keys.
        problem: why the keys in the files are not in force; it names variables and shows no value.
    """

    def __init__(self, settings: Settings, load: Callable[[], Settings] = load_settings) -> None:
        self.settings = settings
        self.problem: str | None = None
        self._load = load
        self._taken = self._seen = self._marks()

    def look(self, prepare: Callable[[Settings], T]) -> T | None:
        """Return what `prepare` makes of settings with other keys; None while the files are as they were.

        A change counts once two looks saw the same files, so that one that is being written is not taken. What cannot
        be used is refused, and the former keys stay in force.

        Args:
            prepare: raises SettingsError for keys that it cannot use. None of it may be in force before it returns.
        """
        marks = self._marks()
        settled, self._seen = marks == self._seen, marks
        if marks == self._taken or not settled:
            return None
        self._taken = marks
        try:
            found = self._found()
            prepared = prepare(found)
        except SettingsError as error:
            self.problem = str(error)
            log.error("keys.refused", problem=self.problem)  # noqa: TRY400  (the reason says it all)
            return None
        self.problem, self.settings = None, found
        return prepared

    def _found(self) -> Settings:
        """Return the settings with the keys that the files have now."""
        loaded = self._load()
        gone = [name for name in KEYS if getattr(self.settings, name) and not getattr(loaded, name)]
        if gone:
            # Somebody's mistake far more often than a wish; a restart says that it is one.
            raise SettingsError("; ".join(f"{VARIABLES[name]} is gone" for name in gone))
        return self.settings.model_copy(update={name: getattr(loaded, name) for name in KEYS})

    def _marks(self) -> frozenset[Mark]:
        """Return what changes when a file is written, replaced, or reached by another symbolic link."""
        return frozenset(mark for file in self._files() for mark in _mark(file))

    def _files(self) -> Iterator[Path]:
        names = {VARIABLES[name] for name in KEYS}
        try:
            directory = secrets_dir()
            yield from (file for file in directory.iterdir() if file.name.upper() in names) if directory else ()
        except (SettingsError, OSError):  # it is gone for now; who asks next may find it
            pass
        pem = self.settings.jwt_public_key
        if pem and not pem.lstrip().startswith("-----BEGIN"):
            yield Path(pem)


def _mark(file: Path) -> Iterator[Mark]:
    try:
        found = file.stat()
    except OSError:
        return
    yield str(file), found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
