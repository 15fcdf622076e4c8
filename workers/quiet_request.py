"""A command as Celery's events, Flower and `celery inspect` may show it: whatever its sender put in, nothing of it."""

from typing import Any

from celery.worker.request import Request

SHOWN = "(on record)"


class QuietRequest(Request):
    """Celery's request, which else shows the arguments as the sender wrote them down."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._argsrepr = self._kwargsrepr = SHOWN

    def info(self, safe: bool = False) -> Any:  # noqa: FBT001, FBT002  (Celery's signature)
        """Describe the request, always by what may be shown."""
        del safe
        return super().info(safe=True)
