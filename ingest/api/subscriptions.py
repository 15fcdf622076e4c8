from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from billing_core.commands import Command
from billing_core.commands.arguments import CreateSubscription
from billing_core.database import Database
from ingest.api.answers import command_answers, problems
from ingest.api.auth import Caller
from ingest.api.bodies import SubscriptionChanges
from ingest.api.errors import NoClientSecret
from ingest.api.parts import ApiCaller, ApiParts
from ingest.api.permissions import require_user
from ingest.api.reading import find_subscription, subscription_of
from ingest.api.route import BillingRoute
from ingest.api.rows import Accepted, ClientSecret, SubscriptionRow
from ingest.api.submit import Fulfilled, Submit

PATH = "/api/billing/subscriptions"

router = APIRouter(prefix=PATH, tags=["subscriptions"], route_class=BillingRoute)

_ONE = "/{subscriptionId}"


async def _found(
    parts: ApiParts,
    caller: ApiCaller,
    subscription_id: Annotated[
        str,
        Path(
            alias="subscriptionId",
            pattern=r"^([1-9][0-9]{0,9}|sub_[A-Za-z0-9_]{1,250})$",
            description="our ID, or Stripe's (`sub_…`)",
        ),
    ],
) -> SubscriptionRow:
    return await parts.in_database(_read, parts.database, caller, subscription_id)


def _read(database: Database, caller: Caller, identifier: str) -> SubscriptionRow:
    with database.read() as session:
        return find_subscription(session, caller, identifier)


CallersSubscription = Annotated[SubscriptionRow, Depends(_found)]


def _address(command: Command) -> str:
    return f"{PATH}/{command.subscription_id}"


_CREATED = Fulfilled(201, subscription_of, _address)
_CHANGED = Fulfilled(200, subscription_of)


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    responses=command_answers(status=201, row=SubscriptionRow, meaning="Created"),
)
async def create_subscription(body: CreateSubscription, submit: Submit) -> Response:
    """Create a subscription of a user, and the user's Stripe customer if there is none.

    A payment that needs authentication leaves it `incomplete`: its client secret is for Stripe.js. A user's token
    creates for that user only; trial_days, coupon and prices outside BILLING_USER_PRICES need `billing:admin`.
    """
    require_user(submit.caller, body.user_id)
    return await submit.answer("create_subscription", body.model_dump(exclude_unset=True), _CREATED)


@router.get(_ONE, responses=problems(404))
async def read_subscription(found: CallersSubscription) -> SubscriptionRow:
    """Return a subscription as Stripe last told it."""
    return found


@router.put(
    _ONE,
    status_code=202,
    response_model=Accepted,
    responses=command_answers(status=200, row=SubscriptionRow, meaning="Changed"),
)
async def update_subscription(found: CallersSubscription, body: SubscriptionChanges, submit: Submit) -> Response:
    """Change what the body names, and leave the rest as it is."""
    arguments = {"subscription_id": str(found.subscription_id)} | body.arguments()
    return await submit.answer("update_subscription", arguments, _CHANGED)


@router.delete(
    _ONE,
    status_code=202,
    response_model=Accepted,
    responses=command_answers(status=200, row=SubscriptionRow, meaning="Canceled, or to be at the period's end"),
)
async def cancel_subscription(
    found: CallersSubscription,
    submit: Submit,
    when: Annotated[Literal["now", "period_end"], Query()] = "now",
    refund: Annotated[
        Literal["none", "last_invoice", "prorated"],
        Query(description="only with `now`; other than `none` needs billing:admin"),
    ] = "none",
) -> Response:
    """Cancel a subscription. There is no way back from `now`; `period_end` can be taken back by a PUT until then."""
    arguments = {"subscription_id": str(found.subscription_id), "when": when, "refund": refund}
    return await submit.answer("cancel_subscription", arguments, _CHANGED)


@router.get(f"{_ONE}/client-secret", responses=problems(404, 502))
async def read_client_secret(found: CallersSubscription, parts: ApiParts) -> ClientSecret:
    """Return what Stripe.js needs so that the customer can authenticate the first payment."""
    secret = await parts.at_stripe(parts.client_secret, found.stripe_subscription_id)
    if secret is None:
        raise NoClientSecret("the subscription waits for no authentication")
    return ClientSecret(client_secret=secret)
