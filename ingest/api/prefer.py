"""`Prefer: wait=N`: how long the caller would like to wait for the outcome. RFC 7240, sections 2 and 4.3"""

import re

LONGEST_WAIT = 30  # s; proxies give up at 60

_PREFERENCE = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)\s*(?:=\s*("[^"]*"|[^\s;,"]*))?[^,]*')


def wait_preference(headers: list[str]) -> int | None:
    """Return the seconds to wait, at most 30, or None without the preference.

    The first `wait` counts. One that is no number is ignored, as the RFC says of preferences not understood.
    """
    for preference in ",".join(headers).split(","):
        found = _PREFERENCE.fullmatch(preference)
        if found and found[1].lower() == "wait":
            return _seconds((found[2] or "").strip('"'))
    return None


def _seconds(value: str) -> int | None:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        return None
    return min(int(value), LONGEST_WAIT)
