"""One run of gap fill: the window, what is lacking in it, and the checkpoint after it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from billing_core.database import Database
from billing_core.gaps.lacking import ON_ITS_WAY, Lacking, lacking
from billing_core.gaps.listing import KEPT, ListedEvent, pages, stripe_now
from billing_core.gaps.progress import Hole, come_forward, last_run, open_hole
from billing_core.inbox import WorkingInbox
from billing_core.payloads import PLAIN, Payloads
from billing_core.stripe_api import StripeApi

# After each part the checkpoint moves, so that a run that dies after an outage of weeks has not worked for nothing.
_PART = timedelta(hours=6)


@dataclass(slots=True)
class Findings:
    """What a run found.

    Attributes:
        begin: first moment of the window, by Stripe's clock.
        end: last moment, by Stripe's clock.
        lacking: what we lacked.
        hole: the time before the window that should have been in it, but of which Stripe has no events any more.
    """

    begin: datetime
    end: datetime
    lacking: list[Lacking] = field(default_factory=list)
    hole: Hole | None = None

    def by_type(self, *, overdue_only: bool = False) -> dict[str, int]:
        """Return how many were lacking of each type."""
        return dict(Counter(one.event_type for one in self.lacking if one.overdue or not overdue_only))


class GapFill:
    """Finds and accepts what Stripe has and we lack. Several at a time do no harm, they only ask twice."""

    def __init__(
        self,
        database: Database,
        inbox: WorkingInbox,
        stripe: StripeApi,
        *,
        livemode: bool,
        overlap: float,
        payloads: Payloads = PLAIN,
    ) -> None:
        """Take the service's parts.

        Args:
            database: where events are on record, and the checkpoint.
            inbox: where events are accepted.
            stripe: whom to ask.
            livemode: the mode of events that concern us.
            overlap: seconds before the checkpoint with which a window begins, for what Stripe listed late.
            payloads: reads what is stored of thin events.
        """
        self._database = database
        self._inbox = inbox
        self._stripe = stripe
        self._livemode = livemode
        self._overlap = timedelta(seconds=overlap)
        self._payloads = payloads

    def catch_up(self, tell: Callable[[Sequence[Lacking]], object] = lambda _lacked: None) -> Findings:
        """Accept what we lack since the checkpoint, and move the checkpoint.

        Args:
            tell: is called after each page with what was lacking of it and has been accepted.

        Raises:
            RetryLater: Stripe or the database did not answer. What was accepted until then stays so.
            redis.RedisError: the same of Redis.
        """
        findings = self._window()
        if findings.hole:
            open_hole(self._database, findings.hole)
        for begin, end in _parts(findings.begin, findings.end):
            for page in pages(self._stripe, begin, end, livemode=self._livemode):
                lacked = self._accept(page, findings.end)
                findings.lacking += lacked
                tell(lacked)
            found = findings.by_type(overdue_only=True)
            come_forward(self._database, findings.begin, end or findings.end, found)
        return findings

    def look(self, since: timedelta | None = None, *, accept: bool) -> Findings:
        """Look at a window, and leave the checkpoint where it is.

        Args:
            since: the window's length, at most `KEPT`; by default it is that of `catch_up`.
            accept: whether to accept what is lacking.

        Raises:
            RetryLater: as of `catch_up`, like the other errors.
        """
        findings = self._window() if since is None else self._window_of(since)
        for page in pages(self._stripe, findings.begin, None, livemode=self._livemode):
            findings.lacking += self._accept(page, findings.end) if accept else self._find(page, findings.end)
        return findings

    def _window(self) -> Findings:
        """Return the checkpoint's window, without any findings."""
        now = stripe_now(self._stripe)
        run = last_run(self._database)
        if run is None:
            # Whatever was before us is no gap: a backfill brings it.
            return Findings(now - self._overlap, now)
        oldest = now - KEPT
        # A clock that was set back (a fake Stripe's, in another account) must not leave a window in the future.
        begin = max(min(run.through, now) - self._overlap, oldest)
        return Findings(begin, now, hole=Hole(run.through, oldest) if run.through < oldest else None)

    def _window_of(self, since: timedelta) -> Findings:
        now = stripe_now(self._stripe)
        return Findings(now - min(since, KEPT), now)

    def _accept(self, page: Sequence[ListedEvent], now: datetime) -> list[Lacking]:
        """Accept what is lacking of a page; what the endpoint accepts in the same moment was not lacking."""
        found = self._lacking(page)
        new = self._inbox.accept_again([event.accepted for event in found]) if found else []
        return [_lacking(event, now) for event, is_new in zip(found, new, strict=True) if is_new]

    def _find(self, page: Sequence[ListedEvent], now: datetime) -> list[Lacking]:
        return [_lacking(event, now) for event in self._lacking(page)]

    def _lacking(self, page: Sequence[ListedEvent]) -> list[ListedEvent]:
        return lacking(self._database, self._inbox, page, self._payloads)


def _lacking(event: ListedEvent, now: datetime) -> Lacking:
    overdue = event.created < (now - ON_ITS_WAY).timestamp()
    return Lacking(event.event_id, event.event_type, overdue)


def _parts(begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime | None]]:
    """Split a window, oldest part first; the last has no end, so that what happens meanwhile is seen, too."""
    while end - begin > _PART:
        yield begin, begin + _PART
        begin += _PART
    yield begin, None
