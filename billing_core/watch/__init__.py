"""Failures that nobody owns, made visible: seen once, shown as metrics, as log lines and by `billing status`."""

from billing_core.watch.judgement import judge
from billing_core.watch.sight import Sight, look

__all__ = ["Sight", "judge", "look"]
