"""The ordinary stack, as Stripe's, FastAPI's and Celery's documentation would have it: one event, one task, one row."""

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

import sqlalchemy as sa
import stripe
from celery import Celery
from fastapi import FastAPI, Header, HTTPException, Request
from redis.asyncio import Redis
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from tests.bench.requests import SECRET

SEEN = "ordinary:event:"
REMEMBERED = 7 * 86400  # s

celery = Celery("ordinary", broker=os.environ.get("REDIS_URL"))
celery.conf.task_ignore_result = True


class Table(DeclarativeBase):
    pass


class StripeEvent(Table):
    """One row for every event."""

    __tablename__ = "stripe_events"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    stripe_event_id: Mapped[str] = mapped_column(sa.String(255), unique=True)
    event_type: Mapped[str] = mapped_column(sa.String(100))
    payload: Mapped[str] = mapped_column(sa.Text)
    processed_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


def application() -> FastAPI:
    """Make the endpoint."""
    app = FastAPI()
    redis = Redis.from_url(os.environ["REDIS_URL"])

    @app.post("/webhooks/stripe")
    async def receive(request: Request, stripe_signature: Annotated[str, Header()]) -> dict[str, bool]:
        payload = await request.body()
        try:
            event: Any = stripe.Webhook.construct_event(payload, stripe_signature, SECRET)
        except (ValueError, stripe.SignatureVerificationError) as error:
            raise HTTPException(400) from error
        if await redis.set(SEEN + event.id, 1, nx=True, ex=REMEMBERED):
            store.delay(json.loads(payload))
        return {"received": True}

    return app


@celery.task(acks_late=True)
def store(event: dict[str, Any]) -> None:
    """Write the event's row, in a transaction of its own."""
    with _sessions().begin() as session:
        session.add(
            StripeEvent(
                stripe_event_id=event["id"],
                event_type=event["type"],
                payload=json.dumps(event),
                processed_at=datetime.now(UTC),
            )
        )


@cache
def _sessions() -> sessionmaker[Session]:
    """Return this process's sessions: connections do not survive a fork."""
    return sessionmaker(sa.create_engine(os.environ["DATABASE_URL"]))
