"""Settings from the environment and from files of secrets, read once at start."""

import os
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError as SourceError

from config.settings import PREFIX, VARIABLES, Settings, SettingsError

DEFAULT_SECRETS_DIR = Path("/run/secrets")  # where Docker and Kubernetes mount secrets by custom
_SECRETS_DIR = f"{PREFIX}SECRETS_DIR"


def load_settings() -> Settings:
    """Read the environment, then the secrets directory for what the environment leaves unset.

    The directory is BILLING_SECRETS_DIR, or /run/secrets where that exists; each file there is named
    like its variable, in any case. No `.env` file is read.

    Raises:
        SettingsError: one line naming every variable at fault, without any value.
    """
    directory = secrets_dir()
    try:
        _refuse_unknown_names(directory)
        return Settings(_secrets_dir=directory)
    except ValidationError as error:
        problem = _describe(error)
    except (SourceError, OSError):
        problem = f"{_SECRETS_DIR}: the files there cannot be read as text"
    # Outside the except block: not even __context__ may lead to an error that holds the input.
    raise SettingsError(problem)


def secrets_dir() -> Path | None:
    """Return the directory whose files stand in for variables; None where there is none.

    Raises:
        SettingsError: BILLING_SECRETS_DIR names none.
    """
    named = os.environ.get(_SECRETS_DIR)
    if not named:
        return DEFAULT_SECRETS_DIR if DEFAULT_SECRETS_DIR.is_dir() else None
    if not Path(named).is_dir():
        raise SettingsError(f"{_SECRETS_DIR} is no directory")
    return Path(named)


def _refuse_unknown_names(directory: Path | None) -> None:
    """Catch typing errors, which would otherwise leave a default in force unnoticed."""
    names = set(os.environ)
    if directory:
        names.update(file.name for file in directory.iterdir())
    known = {*VARIABLES.values(), _SECRETS_DIR}
    unknown = sorted(name for name in names if name.upper().startswith(PREFIX) and name.upper() not in known)
    if unknown:
        raise SettingsError("; ".join(f"{name} is no setting" for name in unknown))


def _describe(error: ValidationError) -> str:
    """Pydantic's messages say what was expected; its inputs, left out here, what was given."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{_name(problem['loc'])}: {problem['msg']}" for problem in problems)


def _name(location: tuple[int | str, ...]) -> str:
    field = str(location[0])
    return VARIABLES.get(field, field)
