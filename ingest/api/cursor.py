"""Where a page ended: the last row's time and ID, opaque to the caller."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.api.errors import InvalidCursor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in a list that is newest first."""

    at: datetime
    row_id: int

    def cursor(self) -> str:
        """Return it as text for a query."""
        text = f"{(self.at - _EPOCH) // _MICROSECOND}.{self.row_id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: str) -> "Position":
        """Return what `cursor` wrote.

        Raises:
            InvalidCursor: nobody here wrote it.
        """
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
            at, row_id = text.split(".")
            position = cls(_EPOCH + int(at) * _MICROSECOND, int(row_id))
        except (binascii.Error, ValueError, OverflowError):
            raise InvalidCursor("send what an answer gave as next, unchanged") from None
        if position.cursor() != cursor or not 0 <= position.row_id < 2**63:
            raise InvalidCursor("send what an answer gave as next, unchanged")
        return position
