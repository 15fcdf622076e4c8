"""A small file system of its own for a server's data, which can be full from one moment to the next."""

import os
import subprocess
from pathlib import Path
from typing import Self

from tests.embedded.die_with_parent import Account

ROOMY = 512 * 1024 * 1024  # bytes; of memory, but only what is written

TRIES = 50


class CannotMount(Exception):
    """Here nobody may mount a file system: it takes root and CAP_SYS_ADMIN."""


class SmallDisk:
    """A tmpfs over a directory. `fill` shrinks it to what it holds, `empty` lets it grow again.

    Where nobody may mount one, it is the directory alone.
    """

    cannot_fill: str | None = None
    """Why it cannot be full here, if so."""

    def __init__(self, directory: Path, account: Account | None = None) -> None:
        self.directory = directory
        self._account = account or (os.geteuid(), os.getegid())

    def __enter__(self) -> Self:
        self.directory.mkdir(exist_ok=True)
        uid, gid = self._account
        options = f"size={ROOMY},mode=0700,uid={uid},gid={gid}"
        done = _mount("-t", "tmpfs", "-o", options, "tmpfs", str(self.directory))
        if done.returncode != 0:
            self.cannot_fill = done.stderr.strip()
        return self

    def __exit__(self, *_: object) -> None:
        if self.cannot_fill is None:
            subprocess.run(["umount", "--lazy", str(self.directory)], check=True)
            self.directory.rmdir()

    def fill(self) -> None:
        """Leave no byte: a write that needs more fails with ENOSPC."""
        for _ in range(TRIES):  # the server may write between the look and the order, which is then refused
            used = os.statvfs(self.directory)
            done = self._resize((used.f_blocks - used.f_bfree) * used.f_frsize)
            if done.returncode == 0:
                return
        raise CannotMount(done.stderr.strip())

    def empty(self) -> None:
        done = self._resize(ROOMY)
        if done.returncode != 0:
            raise CannotMount(done.stderr.strip())

    def _resize(self, size: int) -> subprocess.CompletedProcess[str]:
        return _mount("-o", f"remount,size={size}", str(self.directory))


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
