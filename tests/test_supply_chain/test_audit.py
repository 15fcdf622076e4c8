import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.embedded.ports import free_port
from tests.supply_chain import __main__ as audit
from tests.supply_chain import lock
from tests.supply_chain.advisories import CLEAN, FOUND, NOT_KNOWN, Verdict, advisories
from tests.supply_chain.lock import ROOT, binding_licences, packages, unpinned

HOLE = {"id": "GHSA-test", "modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z", "summary": "a hole"}


# As everybody knows.
KNOWN = "jinja2 2.10"


@contextmanager
def osv(knows: Callable[[str], bool]) -> Iterator[str]:
    """A source of advisories as https://google.github.io/osv.dev/api/ has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            releases = [f"{query['package']['name']} {query['version']}" for query in asked["queries"]]
            self._answer({"results": [{"vulns": [HOLE]} if knows(release) else {} for release in releases]})

        def do_GET(self) -> None:  # http.server's name
            self._answer(HOLE | {"affected": []})

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, body: object) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("knows", "verdict", "detail"),
    [
        (lambda release: release == KNOWN, CLEAN, ""),
        (lambda release: release == KNOWN or release.startswith("redis "), FOUND, "GHSA-test a hole"),
        (lambda _: False, NOT_KNOWN, "its silence proves nothing"),
    ],
    ids=["knows what everybody knows", "knows a hole of ours", "knows nothing"],
)
def test_source_is_believed_if_it_knows_what_everybody_knows(
    knows: Callable[[str], bool], verdict: str, detail: str
) -> None:
    with osv(knows) as source:
        told = advisories(source)
    assert told.verdict == verdict
    assert detail in " ".join(told.details)


def test_source_that_is_away_is_not_the_same_as_clean() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.supply_chain", f"--source=http://127.0.0.1:{free_port()}/"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[:4] == [f"{check:14} clean" for check in ("lock", "hashes", "licences")] + ["advisories     not known"]


@pytest.mark.parametrize(
    ("verdict", "options", "code"), [(NOT_KNOWN, [], 3), (NOT_KNOWN, ["--offline"], 0), (FOUND, ["--offline"], 1)]
)
def test_machine_without_advisories_may_go_on_and_none_with_a_hole(
    monkeypatch: pytest.MonkeyPatch, verdict: str, options: list[str], code: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["make audit", *options])
    monkeypatch.setattr(audit, "_verdicts", lambda _: [("advisories", Verdict(verdict))])
    with pytest.raises(SystemExit) if code else nullcontext() as ended:
        audit.main()
    assert not code or (ended is not None and ended.value.code == code)


def test_everything_is_pinned_by_hash() -> None:
    assert unpinned(packages()) == []
    file = {"hash": f"sha256:{'0' * 64}"}
    registry = {"registry": "https://pypi.org/simple"}
    loose: list[dict[str, Any]] = [
        {"name": "no file", "source": registry},
        {"name": "no hash", "source": registry, "wheels": [file, {"url": "x"}]},
        {"name": "weak hash", "source": registry, "sdist": {"hash": "md5:0"}},
        {"name": "from git", "source": {"git": "https://example.com"}, "sdist": file},
    ]
    sound: dict[str, Any] = {"name": "sound", "source": registry, "sdist": file, "wheels": [file]}
    assert unpinned([*loose, sound]) == [package["name"] for package in loose]


@pytest.mark.parametrize(
    ("licence", "binding"),
    [
        ("MIT", False),
        ("LGPL-3.0-only", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MPL-2.0", False),
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0-only", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("", True),
        (None, False),  # not installed on this machine
    ],
)
def test_licence_that_binds_what_is_built_on_it_is_told(
    monkeypatch: pytest.MonkeyPatch, licence: str | None, binding: bool
) -> None:
    monkeypatch.setattr(lock, "licence_of", lambda _: licence)
    assert bool(list(binding_licences(["one"]))) is binding


def test_install_takes_what_is_locked() -> None:
    assert "uv sync --quiet --frozen" in (ROOT / "Makefile").read_text()
