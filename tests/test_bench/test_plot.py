from pathlib import Path

from tests.bench.findings import Bar
from tests.bench.plot import draw

BARS = {"accepted per s": [Bar("limit", 13000), Bar("ours", 9000, ours=True)], "applied per s": [Bar("ours", 4000)]}


def test_plot_is_written_as_svg_and_png(tmp_path: Path) -> None:
    draw(BARS, tmp_path / "plots" / "accept")
    svg = (tmp_path / "plots" / "accept.svg").read_text()
    assert svg.startswith("<?xml")
    assert (tmp_path / "plots" / "accept.png").read_bytes().startswith(b"\x89PNG")


def test_same_numbers_give_the_same_picture(tmp_path: Path) -> None:
    for name in ("once", "again"):
        draw(BARS, tmp_path / name)
    assert (tmp_path / "once.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
