"""What a user may see of their billing, list by list."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Path, Query

from ingest.api.answers import problems
from ingest.api.bodies import UserId
from ingest.api.cursor import Position
from ingest.api.parts import ApiCaller, ApiParts, Parts
from ingest.api.permissions import require_user
from ingest.api.reading import EVENTS, INVOICES, PAYMENT_METHODS, SUBSCRIPTIONS, Listing
from ingest.api.route import BillingRoute
from ingest.api.rows import EventRow, InvoiceRow, Page, PaymentMethodRow, Row, SubscriptionRow

RowT = TypeVar("RowT", bound=Row)

MOST_ROWS = 100

router = APIRouter(prefix="/api/billing/users/{userId}", tags=["users"], route_class=BillingRoute, responses=problems())


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of whose list."""

    parts: Parts
    user_id: int
    limit: int
    after: Position | None

    async def page(self, listing: Listing[RowT]) -> Page[RowT]:
        """Return that part."""
        return await self.parts.in_database(self._read, listing)

    def _read(self, listing: Listing[RowT]) -> Page[RowT]:
        with self.parts.database.read() as session:
            return listing.page(session, self.user_id, self.limit, self.after)


async def _asked(
    parts: ApiParts,
    caller: ApiCaller,
    user_id: Annotated[UserId, Path(alias="userId")],
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 20,
    cursor: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
) -> Asked:
    require_user(caller, user_id)
    return Asked(parts, user_id, limit, Position.read(cursor) if cursor else None)


OneUsers = Annotated[Asked, Depends(_asked)]


@router.get("/subscriptions")
async def list_subscriptions(asked: OneUsers) -> Page[SubscriptionRow]:
    """Return the user's subscriptions, ended ones too."""
    return await asked.page(SUBSCRIPTIONS)


@router.get("/invoices")
async def list_invoices(asked: OneUsers) -> Page[InvoiceRow]:
    """Return the user's invoices."""
    return await asked.page(INVOICES)


@router.get("/payment-methods")
async def list_payment_methods(asked: OneUsers) -> Page[PaymentMethodRow]:
    """Return the user's payment methods, detached ones too."""
    return await asked.page(PAYMENT_METHODS)


@router.get("/events")
async def list_events(asked: OneUsers) -> Page[EventRow]:
    """Return what Stripe told about the user."""
    return await asked.page(EVENTS)
