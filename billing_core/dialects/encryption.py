"""What DATABASE_URL says about TLS, in each database's own words."""

from collections.abc import Callable, Mapping

from sqlalchemy import URL, make_url

_NO, _YES = {"no", "false", "optional", "0"}, {"yes", "true", "1"}


def encryption_problem(url: str) -> str | None:
    """Return what a stranger on the way to the database could do; None if nothing."""
    parsed = make_url(url)
    judge = _JUDGES.get(parsed.get_backend_name())
    return judge(parsed) if judge else None


def database_host(url: str) -> str | None:
    """Return the host; None of SQLite, which has none."""
    parsed = make_url(url)
    named = parsed.host or parsed.query.get("host") or _odbc_options(parsed).get("server", "")
    return str(named).removeprefix("tcp:").partition(",")[0] or None


def _postgresql(url: URL) -> str | None:
    match url.query.get("sslmode", "prefer"):
        case "verify-full":
            return None
        case "require" | "verify-ca":
            return "it is encrypted, and anybody may be at the other end: add sslmode=verify-full"
    return "it may be plain text: add sslmode=verify-full and sslrootcert=<the authority's file, or system>"


def _mssql(url: URL) -> str | None:
    asked = _odbc_options(url)
    if asked.get("encrypt", "yes") in _NO:
        return "it is plain text: take Encrypt=no out"
    if asked.get("trustservercertificate", "no") in _YES:
        return "it is encrypted, and anybody may be at the other end: take TrustServerCertificate out"
    return None


def _odbc_options(url: URL) -> Mapping[str, str]:
    words = str(url.query.get("odbc_connect", "")).split(";")
    pairs = [*(word.split("=", 1) for word in words if "=" in word), *url.query.items()]
    return {str(name).strip().lower(): str(value).strip().lower() for name, value in pairs}


_JUDGES: Mapping[str, Callable[[URL], str | None]] = {"postgresql": _postgresql, "mssql": _mssql}
