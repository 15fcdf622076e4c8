"""Why a server could not be reached, without its address: a refused certificate needs a person, an outage only time."""

import re
import ssl
from collections.abc import Iterator

# libpq tells only in its text, which names the host too.
_LIBPQ = (
    (re.compile(r"server certificate for .* does not match host name"), "another host's name"),
    (re.compile(r"certificate verify failed"), "not signed by an authority that we trust"),
)
_NO_TLS = re.compile(r"server does not support SSL")


def trouble(error: BaseException) -> str:
    """Return the error's kind, and what is wrong with the server's certificate where that is why."""
    kind = type(error).__name__
    reason = next(filter(None, map(_reason, _chain(error))), None)
    return f"{kind}, {reason}" if reason else kind


def _reason(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message.split(', certificate is not valid')[0]}"
    text = str(error)
    if _NO_TLS.search(text):
        return "it speaks no TLS"
    found = next((words for pattern, words in _LIBPQ if pattern.search(text)), None)
    return f"its certificate is refused: {found}" if found else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    now: BaseException | None = error
    while now is not None:
        yield now
        now = now.__cause__ or now.__context__
