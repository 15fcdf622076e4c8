"""Apply facts to our tables: all of a batch in one transaction that the caller opens and commits.

Events, and later commands, gap fill and reconcile, all come through here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from sqlalchemy.orm import Session

from billing_core import audit
from billing_core.adoption import adopt, orphans_of
from billing_core.audit import Entry
from billing_core.facts import Fact
from billing_core.guard import ABSENT, Held, Write, read_held, write_states
from billing_core.kinds import CUSTOMER, KINDS, Kind
from billing_core.links import Links, Parents, as_parents, parents_of, read_links
from billing_core.ordering import Changes, Fold, Outcome, State, changes, fold
from billing_core.owners import Owners, link_named, read_owners
from billing_core.records import CustomerRecord, Record


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


def apply_facts(session: Session, facts: Sequence[Fact], app: str | None = None) -> Applied:
    """Fold the facts into our rows and record every event that is decided.

    Facts of events that are over already are left out; parked and dead ones are taken up again. How many statements it
    takes depends on the kinds of objects that there are among them, not on the number of facts.

    Args:
        session: of the transaction that the caller commits.
        facts: in any order, of any kinds.
        app: which of several applications in the Stripe account we are.

    Raises:
        UnknownCustomers: Stripe has to be asked about them first; roll back.
        RaceLost: another writer was faster; roll back and start over.
    """
    known = audit.on_record(session, [fact.event.id for fact in facts])
    over = audit.settled(known)
    kinds = _by_kind({fact.event.id: fact for fact in facts if fact.event.id not in over}.values())
    # Customers first: what they say decides about the others of the batch.
    customers = {kind: kinds.pop(kind) for kind in [CUSTOMER] if kind in kinds}
    applied = [one for group in (customers, kinds) if group for one in _apply_kinds(session, group, app)]
    adopt(session, orphans_of(session, reduce(or_, (one.family for one in applied), Parents())))
    entries = [entry for one in applied for entry in one.entries]
    audit.record(session, entries, known)
    return Applied(
        {entry.fact.event.id: entry.outcome for entry in entries},
        [fact for one in applied for fact in one.ties],
        reduce(
            or_,
            (one.family | one.missing for one in applied),
            _family_of([fact for fact in facts if fact.event.id in over]),
        ),
    )


def apply_fetched(
    session: Session, kind: Kind, held: Held, fetched: State, facts: Sequence[Fact], app: str | None = None
) -> Applied:
    """Write the state that Stripe gave for a tie, and record the events tied; `held` was read before the fetch.

    Raises:
        RaceLost: the row changed since `held` was read; fetch again.
    """
    stripe_id = kind.stripe_id(fetched.record)
    written = write_fetched(session, kind, [(held, fetched)], app)
    columns, own_id = written.columns[stripe_id], written.own_ids[stripe_id]
    wrote = written.records[stripe_id]
    changed = changes(held.record, wrote) if _may_follow(held.record, wrote) else Changes()
    entries = [_entry(kind, fact, Outcome.TIE, changed, columns, own_id) for fact in facts]
    audit.record(session, entries, audit.on_record(session, [fact.event.id for fact in facts]))
    return Applied({fact.event.id: Outcome.TIE for fact in facts}, [], written.parents)


@dataclass(frozen=True, slots=True)
class Written:
    """What states that Stripe gave came to, by Stripe's ID: our own IDs, columns that are not Stripe's, records.

    `parents` are as those of `Applied`.
    """

    own_ids: dict[str, int]
    columns: dict[str, dict[str, Any]]
    parents: Parents
    records: dict[str, Record]


def write_fetched(
    session: Session,
    kind: Kind,
    states: Sequence[tuple[Held, State]],
    app: str | None = None,
    *,
    overrule: bool = False,
) -> Written:
    """Write states that Stripe gave, each over the row as it was before Stripe was asked.

    Args:
        session: of the transaction that the caller commits.
        kind: of all of them.
        states: what was held of each object, and what it is now.
        app: which of several applications in the Stripe account we are.
        overrule: write over a row that says the object has ended, though Stripe says that it has not.

    Raises:
        RaceLost: one of the rows changed meanwhile; fetch again.
    """
    records = {kind.stripe_id(state.record): state.record for _, state in states}
    owners, links = read_owners(session, records.values(), app), read_links(session, records.values())
    columns = {stripe_id: _columns(record, owners, links) for stripe_id, record in records.items()}
    writes = [
        Write(
            held,
            replace(state, record=owners.without_person(state.record)),
            None,
            columns[kind.stripe_id(state.record)],
        )
        for held, state in states
        if overrule or _may_follow(held.record, state.record)
    ]
    kept = {kind.stripe_id(state.record): held.own_id for held, state in states if held.own_id is not None}
    own_ids = kept | write_states(session, kind, writes)
    parents = links.missing(parents_of(records.values()))
    if kind is CUSTOMER:
        parents |= as_parents(kind, records)
    return Written(own_ids, columns, parents, {key: owners.without_person(one) for key, one in records.items()})


def _may_follow(before: Record | None, after: Record) -> bool:
    return before is None or after.terminal or not before.terminal


@dataclass(frozen=True, slots=True)
class _AppliedKind:
    """What came of one kind; `family` may have children that came before it, and `missing` are parents to come."""

    entries: list[Entry]
    ties: list[Fact]
    family: Parents
    missing: Parents


def _apply_kinds(session: Session, kinds: Mapping[Kind, Sequence[Fact]], app: str | None) -> list[_AppliedKind]:
    records = [fact.record for group in kinds.values() for fact in group]
    owners, links = read_owners(session, records, app), read_links(session, records)
    owners.require(
        {found for record in records if not isinstance(record, CustomerRecord) and (found := record.stripe_customer_id)}
    )
    # Parents before children.
    return [_apply_kind(session, kind, kinds[kind], owners, links) for kind in KINDS if kind in kinds]


def _apply_kind(session: Session, kind: Kind, facts: Sequence[Fact], owners: Owners, links: Links) -> _AppliedKind:
    entries, groups = list[Entry](), defaultdict[str, list[Fact]](list)
    for fact in (_without_person(fact, owners) for fact in facts):
        if objection := owners.objection(fact):
            outcome, reason = objection
            entries.append(Entry(fact, outcome, reason=reason))
        else:
            groups[fact.object_id].append(fact)
    held = read_held(session, kind, groups) if groups else {}
    folds = {stripe_id: fold(held.get(stripe_id, ABSENT).state, group) for stripe_id, group in groups.items()}
    records = {stripe_id: folded.state.record for stripe_id, folded in folds.items() if folded.state}
    columns = {stripe_id: _columns(record, owners, links) for stripe_id, record in records.items()}
    written = write_states(session, kind, _writes(held, folds, columns))
    if kind is CUSTOMER:
        link_named(session, [fact for group in groups.values() for fact in group], owners)
    ids = {stripe_id: one.own_id for stripe_id, one in held.items() if one.own_id is not None} | written
    links.add(kind, ids, columns)
    entries += [
        _entry(kind, fact, outcome, changed, columns[stripe_id], ids[stripe_id])
        for stripe_id, folded in folds.items()
        for fact, outcome, changed in folded.results
    ]
    return _AppliedKind(
        entries,
        ties=[fact for folded in folds.values() for fact in folded.ties],
        # A customer can say something new about the children that it has; of others, only new rows have lonely ones.
        family=as_parents(kind, records.keys() if kind is CUSTOMER else records.keys() - held.keys()),
        missing=links.missing(parents_of(records.values())),
    )


def _without_person(fact: Fact, owners: Owners) -> Fact:
    """Return the fact as it may be kept: of an erased customer's, without payload."""
    if not owners.erased(fact.record):
        return fact
    return replace(fact, record=owners.without_person(fact.record), payload=None)


def _writes(
    held: Mapping[str, Held], folds: Mapping[str, Fold[Fact]], columns: Mapping[str, dict[str, Any]]
) -> list[Write]:
    return [
        Write(held.get(stripe_id, ABSENT), folded.state, folded.newest.event.id, columns[stripe_id])
        for stripe_id, folded in folds.items()
        if folded.state and folded.newest
    ]


def _columns(record: Record, owners: Owners, links: Links) -> dict[str, Any]:
    """Return the owner and the parents of a row, as far as we know them."""
    return owners.columns(record) | links.columns(record)


def _entry(
    kind: Kind, fact: Fact, outcome: Outcome, changed: Changes, columns: Mapping[str, Any], own_id: int | None
) -> Entry:
    links = {name: columns.get(name) for name in ("user_id", "subscription_id", "invoice_id")}
    if kind.primary_key in links:
        links[kind.primary_key] = own_id
    return Entry(fact, outcome, changed, **links)


def _family_of(facts: Sequence[Fact]) -> Parents:
    """Return the objects of these facts in the role of parents, and their own parents."""
    family = parents_of(fact.record for fact in facts)
    for fact in facts:
        family |= as_parents(fact.kind, [fact.object_id])
    return family


def _by_kind(facts: Iterable[Fact]) -> dict[Kind, list[Fact]]:
    kinds: defaultdict[Kind, list[Fact]] = defaultdict(list)
    for fact in facts:
        kinds[fact.kind].append(fact)
    return kinds
