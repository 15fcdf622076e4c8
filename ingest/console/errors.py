"""What the console refuses, each with the HTTP status that it is told with. The text is for the operator."""

from http import HTTPStatus

from billing_core.errors import BillingError


class ConsoleError(BillingError):
    """A request that gets a page saying what is wrong with it."""

    status = HTTPStatus.BAD_REQUEST


class NotLoggedIn(ConsoleError):
    """There is no session, or it has ended."""

    status = HTTPStatus.UNAUTHORIZED


class WrongCredentials(ConsoleError):
    """The name, the password or the token proves nothing; which of them is not told."""

    status = HTTPStatus.UNAUTHORIZED


class TooManyAttempts(ConsoleError):
    """So many logins failed for this name, or from this address, that none is tried for a while."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Forged(ConsoleError):
    """The form is not one of ours, or of a session that has ended."""

    status = HTTPStatus.FORBIDDEN


class NotAllowed(ConsoleError):
    """The operator may look and not act."""

    status = HTTPStatus.FORBIDDEN


class NotThere(ConsoleError):
    """Nothing on record has this ID."""

    status = HTTPStatus.NOT_FOUND


class BadForm(ConsoleError):
    """Something in the form or the address cannot be understood."""
