"""Spans of the workers' own commands to Redis. Their arguments, payloads among them, are not in them."""

import re
from typing import Any

from opentelemetry.trace import SpanKind
from redis import Redis

from billing_core.tracing.spans import in_a_trace, span

_SUMMARY = re.compile(r"-- ([^:.?(\n]+)")


class TracedRedis(Redis):
    """A client with a span for each command on behalf of something traced."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._summaries = dict[str, str]()

    def register_script(self, script: Any) -> Any:
        """Register a script of ours; its spans are called by its first words."""
        registered = super().register_script(script)
        if summary := _SUMMARY.match(str(script)):
            self._summaries[registered.sha] = f"EVALSHA {summary[1].strip().lower()}"
        return registered

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command."""
        if not in_a_trace():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py's
        name = self._summaries.get(str(args[1]), args[0]) if args[0] == "EVALSHA" else str(args[0])
        with span(name, SpanKind.CLIENT, {"db.system.name": "redis", "db.operation.name": str(args[0])}):
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
