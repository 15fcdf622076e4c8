"""A life's events, applied and dead: nothing of the person is anywhere in the database."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis

from billing_core.database import Database
from billing_core.event_types import FAMILY_OF
from billing_core.events import StripeEvent
from billing_core.models import Model
from billing_core.process import Processor
from tests.convergence.courier import DirectStripe
from tests.fake_stripe import FakeStripe
from tests.stores import outcomes
from tests.workers.test_batch import door_to
from tests.workers.test_thin_events import life
from workers import handlers

# What objects hold besides people's names and addresses: each opens something, or tells one card from all others.
SECRET_KEYS = {"client_secret", "fingerprint", "hosted_invoice_url", "invoice_pdf", "receipt_url"}


def secrets(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from secrets(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in SECRET_KEYS and isinstance(value, str):
                yield value
            yield from secrets(value)


def everything(database: Database) -> str:
    with database.read() as session:
        rows = [one for table in Model.metadata.sorted_tables for one in session.execute(sa.select(table))]
        return str([tuple(one) for one in rows])  # a Row's own text leaves out most of a payload


@pytest.mark.parametrize("broken", [False, True], ids=["applied", "dead"])
def test_nothing_of_the_person_is_in_the_database(
    any_database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    fake = FakeStripe(seed=5, rate=0)
    for _ in life(fake):
        pass

    def quote(event: StripeEvent) -> Any:
        raise KeyError(event.data.object)

    if broken:
        monkeypatch.setattr(handlers, "HANDLERS", {})
        monkeypatch.setattr(handlers, "read", quote)
    with Redis.from_url(redis_url) as redis:
        door = door_to(any_database, redis, redis_url)
        door = replace(door, here=replace(door.here, processor=Processor(any_database, DirectStripe(fake))))
        for event in fake.events_of(*FAMILY_OF):
            door.handle({event["id"]: fake.body(event)}, FAMILY_OF[event["type"]])
    found = everything(any_database)
    assert set(outcomes(any_database).values()) == {"dead"} if broken else "dead" not in found
    personal = {one for one in fake.personal_values() | set(secrets(fake.events)) if len(one) > len("6160")}
    assert len(personal) > 10
    assert [one for one in sorted(personal) if one in found] == []
