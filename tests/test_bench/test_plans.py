from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.bench import plans
from tests.bench.plans import recording, scans

METADATA = sa.MetaData()
TABLE = sa.Table("events", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String))
BY_NAME = sa.select(TABLE).where(TABLE.c.name == "a")
BY_ID = sa.select(TABLE).where(TABLE.c.id.in_([1, 2]))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    monkeypatch.setattr(plans, "SMALL", 1000)
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    engine = sa.create_engine(request.getfixturevalue(fixture), poolclass=sa.NullPool)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(TABLE), [{"name": str(number)} for number in range(5000)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    return engine


def test_only_the_statement_without_an_index_is_told(engine: sa.Engine) -> None:
    with recording(engine) as made, engine.begin() as connection:
        for statement in (BY_NAME, BY_ID, sa.insert(TABLE).values(name="x")):
            connection.execute(statement)
    found = scans(engine, made)
    assert len(made) == 3
    assert [statement for statement in found if "WHERE events.name =" in statement] == list(found)
    assert [table.removeprefix("SCAN ") for [table] in found.values()] == ["events"]


def test_small_table_may_be_scanned_on_postgresql(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
    METADATA.create_all(engine)
    with recording(engine) as made, engine.connect() as connection:
        connection.execute(BY_NAME)
    assert not scans(engine, made)


def test_statement_is_recorded_once_whatever_its_parameters(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'once.db'}", poolclass=sa.NullPool)
    METADATA.create_all(engine)
    with recording(engine) as made, engine.connect() as connection:
        for amount in (1, 2, 3):
            connection.execute(sa.select(TABLE).where(TABLE.c.id.in_(range(amount))))
    assert len(made) == 1
