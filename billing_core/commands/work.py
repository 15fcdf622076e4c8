"""A command in a worker's hands: its lease, and the steps that are written down before they are sent to Stripe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from billing_core.commands.command import CommandStatus
from billing_core.commands.keys import KEY_LIFETIME, step_key
from billing_core.commands.outcome import Outcome
from billing_core.database import Database
from billing_core.errors import BillingError, NeverRetry, StripeRefused, StripeUnavailable
from billing_core.models import BillingCommand
from billing_core.models.declarative import utc_now
from billing_core.retry import named_database_errors, retry_blips
from billing_core.stripe_api import Fetched, StripeApi


class LeaseLost(BillingError):
    """Another worker took the command up: whatever we know, it will find out by itself."""


class NeverHappened(NeverRetry):
    """Stripe has forgotten the key, and shows no trace of the call. By now it may not be wanted any more."""


@dataclass(frozen=True)
class Call:
    """A call to Stripe that changes something."""

    method: str
    path: str
    params: Mapping[str, Any]
    key: str | None = None  # by default derived from command and step


class Work:
    """The command, as long as our lease lasts. Every write renews it, and fails if somebody else has it by now."""

    def __init__(self, database: Database, stripe: StripeApi, row: BillingCommand, lease: timedelta) -> None:
        self._database = database
        self._stripe = stripe
        self._lease = lease
        self._revision = row.revision
        self._steps: dict[str, Any] = dict(row.steps or {})
        self._request_id = row.stripe_request_id
        self.command_id = row.command_id
        self.name = row.name
        self.arguments = row.arguments
        self.user_id = row.user_id
        self.attempts = row.attempts
        self.status = CommandStatus(row.status)
        self.refusal: StripeRefused | None = None

    @property
    def acted(self) -> bool:
        """Whether Stripe has done a step of it."""
        return any("object" in step for step in self._steps.values())

    @property
    def request_id(self) -> str | None:
        """Stripe's ID of the last request that changed something."""
        return self._request_id

    def done(self, step: str) -> str | None:
        """Return the ID of the object that came of a step, if the step is over."""
        object_id: str | None = self._steps.get(step, {}).get("object")
        return object_id

    def remember(self, name: str, find: Callable[[], Any]) -> Any:
        """Return a decision: taken once, and kept for every later attempt, whatever has changed since."""
        decided = self._steps.setdefault("decided", {})
        if name not in decided:
            decided[name] = find()
            self._save()
        return decided[name]

    def call(self, step: str, call: Call, look_up: Callable[[datetime], Fetched | None]) -> Fetched:
        """Do one step at Stripe: the first time, or once more with the same key and the same parameters.

        Args:
            step: its name.
            call: what to send, unless an earlier attempt wrote down what it sent.
            look_up: finds the result of a call since that moment, for when Stripe has forgotten the key.

        Raises:
            StripeUnavailable: what became of it is not known; try again.
            StripeRefused: Stripe did not do it.
            NeverHappened: a day is over, and Stripe did not do it.
            LeaseLost: somebody else does it.
        """
        began = self._begin(step, call)
        if utc_now() - began > KEY_LIFETIME:
            return self._resolved(step, look_up(began))
        sent = self._steps[step]
        try:
            answer = self._stripe.write(sent["method"], sent["path"], sent["params"], idempotency_key=sent["key"])
        except StripeRefused as refusal:
            self.refusal = refusal
            raise
        except StripeUnavailable as trouble:
            # Stripe repeats an error of its own for as long as it keeps the key: only its objects tell what it did.
            if trouble.replayed and (found := look_up(began)):
                return self._answered(step, found)
            raise
        return self._answered(step, answer)

    def save(self, session: Session) -> None:
        """Write down what steps are over, in the transaction that holds what Stripe answered; `committed` follows."""
        self._write(session)

    def finish(self, session: Session, outcome: Outcome) -> None:
        """Write the last status, in the transaction that holds what Stripe answered; `committed` follows."""
        written = {"leased_until": None, "finished_at": utc_now(), **outcome.values()}
        self._write(session, status=outcome.status, **written)
        self.status = outcome.status

    def committed(self) -> None:
        """Tell that the transaction with our write is committed."""
        self._revision += 1

    @retry_blips
    def end(self, outcome: Outcome) -> None:
        """Finish in a transaction of its own."""
        self._request_id = (outcome.error or {}).get("request_id") or self._request_id
        with named_database_errors(), self._database.write() as session:
            self.finish(session, outcome)
        self.committed()

    @retry_blips
    def postpone(self, seconds: float, error: Mapping[str, Any]) -> None:
        """Give the command back for a later attempt; `seconds` from now the sweep takes it up, if nobody else does."""
        values = {"status": CommandStatus.PENDING, "leased_until": None, "error": dict(error)}
        with named_database_errors(), self._database.write() as session:
            self._write(session, **values, due_at=utc_now() + timedelta(seconds=seconds))
        self.committed()

    def _begin(self, step: str, call: Call) -> datetime:
        """Write the step down, or renew the lease for one that is; return when it was first sent."""
        self._steps.setdefault(
            step,
            {
                "method": call.method,
                "path": call.path,
                "params": dict(call.params),
                "key": call.key or step_key(self.command_id, step),
                "began_at": utc_now().isoformat(),
            },
        )
        self._save()
        return datetime.fromisoformat(self._steps[step]["began_at"])

    def _resolved(self, step: str, found: Fetched | None) -> Fetched:
        if found is None:
            raise NeverHappened(f"{self.command_id}: Stripe did not answer step {step} for a day, and did not do it")
        return self._answered(step, found)

    def _answered(self, step: str, answer: Fetched) -> Fetched:
        """Keep what came of the step, for the next write: the one with the rows that the answer changes."""
        self._steps[step] |= {"object": answer.obj["id"], "request_id": answer.request_id}
        self._request_id = answer.request_id or self._request_id
        return answer

    @retry_blips
    def _save(self) -> None:
        with named_database_errors(), self._database.write() as session:
            self._write(session)
        self.committed()

    def _write(self, session: Session, **values: Any) -> None:
        """Write if the lease is still ours; `committed` must follow."""
        until = utc_now() + self._lease
        written = {"leased_until": until, "due_at": until, "steps": self._steps, **values}
        statement = (
            update(BillingCommand)
            .where(BillingCommand.command_id == self.command_id, BillingCommand.revision == self._revision)
            .values(**written, stripe_request_id=self._request_id, revision=self._revision + 1, updated_at=utc_now())
        )
        if session.connection().execute(statement).rowcount != 1:
            raise LeaseLost(f"{self.command_id}: another worker has it")
