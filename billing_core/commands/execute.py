"""Run a command, from its claim to its last status, whatever happened to the workers that tried before."""

from datetime import timedelta

import structlog

from billing_core.commands.arguments import (
    CancelSubscription,
    CreateSubscription,
    RefundInvoice,
    UpdateSubscription,
    read_arguments,
)
from billing_core.commands.cancel_subscription import cancel_subscription
from billing_core.commands.claim import claim
from billing_core.commands.command import CommandStatus
from billing_core.commands.create_subscription import create_subscription
from billing_core.commands.outcome import (
    TRY_LATER,
    NotPossible,
    Outcome,
    broken,
    error_of,
    never_happened,
    not_possible,
    refused,
)
from billing_core.commands.refund_invoice import refund_invoice
from billing_core.commands.tools import Tools
from billing_core.commands.update_subscription import update_subscription
from billing_core.commands.work import LeaseLost, NeverHappened, Work
from billing_core.database import Database
from billing_core.errors import RetryLater, StripeRefused
from billing_core.metrics import COMMAND_RETRIES, COMMANDS
from billing_core.retry import countdown
from billing_core.stripe_api import StripeApi
from config.queues import COMMAND_TASKS

log = structlog.get_logger()

for _task in COMMAND_TASKS:  # there before the first, so that Prometheus sees that one too
    _name = _task.partition(".")[2]
    COMMAND_RETRIES.labels(_name)
    for _status in filter(lambda status: status.final, CommandStatus):
        COMMANDS.labels(_name, _status)


class Postponed(RetryLater):
    """What became of the command is not known yet: run it again after `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Executor:
    """Runs commands. Any number of workers may run the same one: a lease lets one of them do it."""

    def __init__(
        self,
        database: Database,
        stripe: StripeApi,
        *,
        lease: float,
        longest_wait: float,
        default_price: str | None = None,
        app: str | None = None,
    ) -> None:
        """Take the parts.

        Args:
            database: with the ledger and our rows.
            stripe: to act on.
            lease: seconds after which a silent worker is taken for dead.
            longest_wait: seconds between two attempts at most.
            default_price: of a subscription whose command names none.
            app: which of several applications in the Stripe account we are.
        """
        self._database = database
        self._stripe = stripe
        self._lease = timedelta(seconds=lease)
        self._longest_wait = longest_wait
        self._tools = Tools.over(database, stripe, default_price, app)

    def run(self, command_id: str) -> CommandStatus:
        """Bring a command to its last status.

        Returns:
            The last status; or `running` where another worker has it.

        Raises:
            Postponed: Stripe or the database did not answer; run it again.
            RetryLater: the same, and nothing could be written down; the sweep finds it when its lease is over.
            UnknownCommand: there is no such command.
        """
        with structlog.contextvars.bound_contextvars(command_id=command_id):
            return self._run(command_id)

    def _run(self, command_id: str) -> CommandStatus:
        work = claim(self._database, self._stripe, command_id, self._lease)
        if isinstance(work, CommandStatus):
            return work
        try:
            if outcome := self._outcome(work):
                work.end(outcome)
        except LeaseLost:
            log.warning("command.lease_lost", command_id=command_id)
            return CommandStatus.RUNNING
        except RetryLater as error:
            self._postpone(work, error)
        COMMANDS.labels(work.name, work.status).inc()
        log.info(
            "command.finished",
            command_id=command_id,
            name=work.name,
            status=work.status,
            attempts=work.attempts,
            stripe_request_id=work.request_id,
            user_id=work.user_id,
        )
        return work.status

    def _outcome(self, work: Work) -> Outcome | None:
        """Do it; return the outcome unless it is on record already, in the transaction of the last step."""
        try:
            self._perform(work)
        except StripeRefused as error:
            # A question that Stripe refuses after it has acted is an error of ours, and no refusal of the command.
            return refused(error) if error is work.refusal or not work.acted else _broken(work, error)
        except NotPossible as error:
            return not_possible(error)
        except NeverHappened:
            return never_happened()
        except (RetryLater, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is: it is recorded and shown)
            return _broken(work, error)
        return None

    def _perform(self, work: Work) -> None:
        match read_arguments(work.name, work.arguments):
            case CreateSubscription() as arguments:
                create_subscription(work, self._tools, arguments)
            case UpdateSubscription() as arguments:
                update_subscription(work, self._tools, arguments)
            case CancelSubscription() as arguments:
                cancel_subscription(work, self._tools, arguments)
            case RefundInvoice() as arguments:
                refund_invoice(work, self._tools, arguments)

    def _postpone(self, work: Work, error: RetryLater) -> None:
        asked = getattr(error, "retry_after", None)
        jittered = countdown(work.attempts, self._longest_wait)
        seconds = min(jittered if asked is None else asked + jittered / 10, self._longest_wait)
        message = "Not done yet: Stripe or the database did not answer. It is tried again."
        COMMAND_RETRIES.labels(work.name).inc()
        work.postpone(seconds, error_of("not_done_yet", message, TRY_LATER))
        raise Postponed(f"{work.command_id}: {error}", seconds) from error


def _broken(work: Work, error: Exception) -> Outcome:
    log.error("command.crashed", command_id=work.command_id, name=work.name, user_id=work.user_id, exc_info=error)
    return broken(error)
