"""Which events are on record, and when they were committed, by PostgreSQL's own clock: nobody looks meanwhile."""

import sqlalchemy as sa


class Commits:
    """The events on record in one table, from now on.

    With track_commit_timestamp, PostgreSQL keeps the moment at which it wrote a transaction's commit record. The
    flush of that record comes after it: `mean_flush`. Only `begin` and `count` work on SQLite.
    """

    def __init__(self, url: str, table: str, *, key: str, event_id: str) -> None:
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        self._last = sa.text(f'SELECT coalesce(max("{key}"), 0) FROM "{table}"')
        self._moments = sa.text(
            f'SELECT "{event_id}", extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8'
            f' FROM "{table}" WHERE "{key}" > :after'
        )
        self._count = sa.text(f'SELECT count(*) FROM "{table}" WHERE "{key}" > :after')
        self._after = 0

    def begin(self) -> None:
        """Leave out what is on record by now."""
        with self._engine.connect() as connection:
            self._after = connection.execute(self._last).scalar_one()

    def count(self) -> int:
        """Return how many events came to be on record since."""
        with self._engine.connect() as connection:
            return int(connection.execute(self._count, {"after": self._after}).scalar_one())

    def moments(self) -> dict[str, float]:
        """Return when each event was committed, in Unix seconds."""
        with self._engine.connect() as connection:
            rows = connection.execute(self._moments, {"after": self._after})
            return {event_id: moment for event_id, moment in rows}  # noqa: C416  (typed rows)

    def mean_flush(self) -> float:
        """Return for how many seconds a flush of the log took on average, since the server's start."""
        query = "SELECT sum(fsync_time) / nullif(sum(fsyncs), 0) / 1000 FROM pg_stat_io WHERE object = 'wal'"
        with self._engine.connect() as connection:
            return float(connection.execute(sa.text(query)).scalar_one() or 0)

    def size(self) -> int:
        """Return how many bytes the whole database takes, its log left out."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
