"""What the API itself refuses. `problems.py` has the table that gives each its HTTP status."""

from billing_core.commands import Command
from billing_core.errors import BillingError


class ApiError(BillingError):
    """A request that gets a problem document. The message is for the caller and repeats nothing secret."""


class NoToken(ApiError):
    """There is no bearer token at all."""


class InvalidToken(ApiError):
    """The token proves nothing: forged, expired, of another issuer or audience, or no token."""


class TooManyFailures(ApiError):
    """This address has sent too many tokens that prove nothing, or none, of late."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many calls of this address had no good token; a good one is taken at any time")
        self.retry_after = retry_after


class NotAllowed(ApiError):
    """The token is good, and does not allow this."""


class AuthenticationNotConfigured(ApiError):
    """No key is configured, so that no token can be checked and everything is refused."""


class KeysUnavailable(ApiError):
    """The JWKS URL does not answer with keys."""


class NotFound(ApiError):
    """There is no such object, or it is somebody else's: the answer does not tell which."""


class NoClientSecret(ApiError):
    """The subscription waits for no authentication."""


class InvalidCursor(ApiError):
    """The cursor was not made by this API."""


class Unfulfilled(ApiError):
    """The command has ended otherwise than asked."""

    def __init__(self, command: Command) -> None:
        super().__init__((command.error or {}).get("message") or f"{command.command_id}: {command.status}")
        self.command = command


class CommandDeclined(Unfulfilled):
    """The bank, or Stripe for it, said no: a result to act on."""


class CommandRefused(Unfulfilled):
    """Stripe or our own rules refused the command for good."""


class CommandFailed(Unfulfilled):
    """The command ended in a failure that is not the caller's."""
