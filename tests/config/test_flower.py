from pathlib import Path
from runpy import run_path

import flower.options  # noqa: F401  (defines the options that the file names)
import pytest
from tornado.options import options

FILE = Path(__file__).parents[2] / "config" / "flower.py"


def test_flower_takes_its_port_from_our_setting_and_listens_on_loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_FLOWER_PORT", "5678")
    given = run_path(str(FILE))
    assert given["port"] == 5678
    assert given["address"] == "127.0.0.1"


def test_every_option_is_one_that_flower_knows() -> None:
    given = {name for name in run_path(str(FILE)) if name.islower() and not name.startswith("_")}
    assert given - {"load_settings"} == {"port", "address", "max_tasks"}
    assert all(name in options for name in given - {"load_settings"})
