"""What the benchmark sees with a million rows on PostgreSQL, SQLite's planner tells of empty tables, too."""

import migrations
from tests.bench.bulk import fill
from tests.bench.plans import scanning_statements


def test_applying_events_reads_no_table_as_a_whole(sqlite_url: str) -> None:
    migrations.upgrade(sqlite_url)
    fill(sqlite_url, 60)
    assert scanning_statements(sqlite_url, range(1, 61)) == {}
