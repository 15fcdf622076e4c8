"""One trial: a true history, the worst delivery, and what differs in the end."""

from dataclasses import dataclass
from random import Random

import sqlalchemy as sa

from billing_core.database import Database
from billing_core.models import Model, User
from billing_core.owners import link_customer
from billing_core.parked import owned_by_now
from tests.convergence.courier import Courier, Delivery, DirectStripe, plan
from tests.convergence.history import USERS, History
from tests.convergence.oracle import differences
from tests.fake_stripe import FakeStripe


@dataclass(frozen=True)
class Trial:
    """What came of it."""

    events: int
    differences: list[str]


def run_trial(random: Random, database: Database, steps: int) -> Trial:
    """Let a history happen, deliver it, link by hand whom Stripe does not name, and compare."""
    _empty(database)
    fake = FakeStripe(rate=0, seed=random.getrandbits(32))
    history = History(random, fake)
    history.live(steps)
    deliveries = plan(random, fake)
    courier = Courier(random, database, DirectStripe(fake))
    # Lost on the way, and found later: what is dropped comes after everything else.
    dropped = [one for one in deliveries if random.random() < 0.1]
    courier.deliver([one for one in deliveries if one not in dropped])
    linked = {customer: random.choice(USERS) for customer in history.unnamed}
    for customer, user in linked.items():
        with database.write() as session:
            link_customer(session, customer, user)
    courier.deliver(dropped)
    while parked := _owned_by_now(database):
        courier.deliver(parked)
    with database.read() as session:
        return Trial(len(deliveries), differences(session, fake, linked))


def _owned_by_now(database: Database) -> list[Delivery]:
    """What the sweep of the real service queues again."""
    with database.read() as session:
        return [Delivery(event.event_id, event.payload) for event in owned_by_now(session)]


def _empty(database: Database) -> None:
    with database.write() as session:
        for table in reversed(Model.metadata.sorted_tables):
            session.execute(table.delete())
        session.execute(sa.insert(User), [{"user_id": user} for user in USERS])
