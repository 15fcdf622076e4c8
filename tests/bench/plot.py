"""Bars, as SVG and PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.findings import Bar

OURS, OTHERS = "#635bff", "#adb5bd"


def draw(bars: Mapping[str, Sequence[Bar]], target: Path) -> None:
    """Draw each title's bars beneath each other into `target` with the endings .svg and .png."""
    # The same numbers give the same file.
    mpl.rcParams["svg.hashsalt"] = "bench"
    figure = Figure(figsize=(8, sum(0.6 + 0.35 * len(group) for group in bars.values())), layout="constrained")
    axes = figure.subplots(len(bars), squeeze=False)[:, 0]
    for axis, (title, group) in zip(axes, bars.items(), strict=True):
        _draw(axis, title, group)
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(target.with_suffix(".png"), dpi=144)


def _draw(axis: Axes, title: str, group: Sequence[Bar]) -> None:
    drawn = axis.barh([bar.label for bar in group], [bar.value for bar in group])
    for patch, bar in zip(drawn, group, strict=True):
        patch.set_color(OURS if bar.ours else OTHERS)
    axis.bar_label(drawn, [f"{bar.value:,.0f}" for bar in group], padding=4)
    axis.set_title(title, loc="left", fontsize=10)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
