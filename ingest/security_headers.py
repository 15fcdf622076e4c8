"""What every answer says to a browser that should not be here: nothing of it is a page, and none of it is kept.

uvicorn sends these with each answer, its own to a malformed request too.
https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
"""

from config.settings import Settings

_ALWAYS = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
)
# A year, as browsers' preload lists ask. Without includeSubDomains: we know nothing of the platform's other hosts.
_HTTPS_ONLY = ("strict-transport-security", "max-age=31536000")


def security_headers(settings: Settings) -> list[tuple[str, str]]:
    """Return the headers; in development, which speaks plain HTTP, browsers are not told to insist on TLS."""
    return [*_ALWAYS] if settings.env == "development" else [*_ALWAYS, _HTTPS_ONLY]
