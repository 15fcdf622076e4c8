"""Apply facts to our tables: all of a batch in one transaction that the caller opens and commits.

Events, and later commands, gap fill and reconcile, all come through here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from billing_core import audit
from billing_core.audit import Entry
from billing_core.facts import Fact
from billing_core.guard import ABSENT, Held, Write, read_held, write_states
from billing_core.kinds import Kind
from billing_core.links import Links, Parents, adopt, as_parents, orphans_of, parents_of, read_links
from billing_core.models import BillingCustomer
from billing_core.ordering import Changes, Fold, Outcome, State, changes, fold
from billing_core.owners import owners_of
from billing_core.records import DisputeRecord, Record


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to.

    Attributes:
        outcomes: of each event that is decided, by its ID.
        ties: the facts that only Stripe can decide.
        parents: new rows that may have children, and parents that rows of the batch miss; also those of events
            that were over already, because their worker may have died between its commit and its linking.
    """

    outcomes: dict[str, Outcome]
    ties: list[Fact]
    parents: Parents


def apply_facts(session: Session, facts: Sequence[Fact]) -> Applied:
    """Fold the facts into our rows and record every event that is decided.

    Facts of events that are over already are left out; parked and dead ones are taken up again.

    Raises:
        RaceLost: another writer was faster; roll back and start over.
    """
    over = audit.settled(session, [fact.event.id for fact in facts])
    parents = _family_of([fact for fact in facts if fact.event.id in over])
    facts = list({fact.event.id: fact for fact in facts if fact.event.id not in over}.values())
    customers = owners_of(session, {customer for fact in facts if (customer := fact.record.stripe_customer_id)})
    owned, unowned = _by_owner(facts, customers)
    entries, ties = list(unowned), list[Fact]()
    for kind, group in _by_kind(owned).items():
        one = _apply_kind(session, kind, group, customers)
        entries += one.entries
        ties += one.ties
        parents |= one.parents
    audit.record(session, entries)
    return Applied({entry.fact.event.id: entry.outcome for entry in entries}, ties, parents)


def apply_fetched(session: Session, kind: Kind, held: Held, fetched: State, facts: Sequence[Fact]) -> Parents:
    """Write the state that Stripe gave for a tie, and record the events tied; `held` was read before the fetch.

    Returns:
        The parents that the row misses.

    Raises:
        RaceLost: the row changed since `held` was read; fetch again.
    """
    customer = fetched.record.stripe_customer_id
    owners = owners_of(session, [customer] if customer else [])
    links = read_links(session, [fetched.record])
    columns = _columns(fetched.record, owners, links)
    own_id, before, changed = held.own_id, held.record, Changes()
    if before is None or fetched.record.terminal or not before.terminal:
        written = write_states(session, kind, [Write(held, fetched, None, columns)])
        own_id = written[kind.stripe_id(fetched.record)]
        changed = changes(before, fetched.record)
    audit.record(session, [_entry(kind, fact, Outcome.TIE, changed, columns, own_id) for fact in facts])
    return links.missing(parents_of([fetched.record]))


@dataclass(frozen=True, slots=True)
class _AppliedKind:
    entries: list[Entry]
    ties: list[Fact]
    parents: Parents


def _apply_kind(
    session: Session, kind: Kind, facts: Sequence[Fact], customers: Mapping[str, BillingCustomer]
) -> _AppliedKind:
    groups: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[fact.object_id].append(fact)
    held = read_held(session, kind, groups)
    folds = {stripe_id: fold(held.get(stripe_id, ABSENT).state, group) for stripe_id, group in groups.items()}
    records = {stripe_id: folded.state.record for stripe_id, folded in folds.items() if folded.state}
    links = read_links(session, records.values())
    columns = {stripe_id: _columns(record, customers, links) for stripe_id, record in records.items()}
    written = write_states(session, kind, _writes(held, folds, columns))
    born = as_parents(kind, records.keys() - held.keys())
    adopt(session, orphans_of(session, born))
    ids = {stripe_id: one.own_id for stripe_id, one in held.items()} | written
    entries = [
        _entry(kind, fact, outcome, changed, columns[stripe_id], ids[stripe_id])
        for stripe_id, folded in folds.items()
        for fact, outcome, changed in folded.results
    ]
    ties = [fact for folded in folds.values() for fact in folded.ties]
    return _AppliedKind(entries, ties, born | links.missing(parents_of(records.values())))


def _writes(
    held: Mapping[str, Held], folds: Mapping[str, Fold[Fact]], columns: Mapping[str, dict[str, Any]]
) -> list[Write]:
    return [
        Write(held.get(stripe_id, ABSENT), folded.state, folded.newest.event.id, columns[stripe_id])
        for stripe_id, folded in folds.items()
        if folded.state and folded.newest
    ]


def _columns(record: Record, customers: Mapping[str, BillingCustomer], links: Links) -> dict[str, Any]:
    """Return the owner and the parents of a row, as far as we know them."""
    customer = customers.get(record.stripe_customer_id or "")
    columns: dict[str, Any] = {"user_id": customer.user_id if customer else None}
    return columns | links.columns(record)


def _entry(
    kind: Kind, fact: Fact, outcome: Outcome, changed: Changes, columns: Mapping[str, Any], own_id: int | None
) -> Entry:
    links = {name: columns.get(name) for name in ("user_id", "subscription_id", "invoice_id")}
    if kind.primary_key in links:
        links[kind.primary_key] = own_id
    return Entry(fact, outcome, changed, **links)


def _by_owner(facts: Sequence[Fact], customers: Mapping[str, BillingCustomer]) -> tuple[list[Fact], list[Entry]]:
    owned, unowned = list[Fact](), list[Entry]()
    for fact in facts:
        customer = customers.get(fact.record.stripe_customer_id or "")
        if isinstance(fact.record, DisputeRecord) or (customer and customer.user_id is not None):
            owned.append(fact)  # a dispute is money at stake whoever's it is: it is kept without an owner too
        elif customer and customer.deleted_at:
            unowned.append(Entry(fact, Outcome.FOREIGN, reason="the customer is deleted or unknown at Stripe"))
        else:
            unowned.append(Entry(fact, Outcome.PARKED, reason="no user is linked to the customer"))
    return owned, unowned


def _family_of(facts: Sequence[Fact]) -> Parents:
    """Return the objects of these facts in the role of parents, and their own parents."""
    family = parents_of(fact.record for fact in facts)
    for fact in facts:
        family |= as_parents(fact.kind, [fact.object_id])
    return family


def _by_kind(facts: Sequence[Fact]) -> dict[Kind, list[Fact]]:
    kinds: defaultdict[Kind, list[Fact]] = defaultdict(list)
    for fact in facts:
        kinds[fact.kind].append(fact)
    return kinds
