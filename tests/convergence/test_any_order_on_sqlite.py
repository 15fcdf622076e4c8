import pytest

import migrations
from billing_core.database import Database, create_engine_for
from tests.convergence.drawn import every_history_ends_in_stripes_state


@pytest.mark.no_cover  # would take three times as long; the code is covered elsewhere
@pytest.mark.timeout(0)  # EXAMPLES decides
def test_every_history_delivered_in_any_order_ends_in_stripes_state(sqlite_url: str) -> None:
    migrations.upgrade(sqlite_url)
    database = Database(create_engine_for(sqlite_url, pool_size=4))
    try:
        every_history_ends_in_stripes_state(database)
    finally:
        database.dispose()
