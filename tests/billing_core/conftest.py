from hypothesis import HealthCheck, settings

from tests.stores import closed_port, database, migrated_postgres, postgres, prepared_sqlite, sqlite

__all__ = ["closed_port", "database", "migrated_postgres", "postgres", "prepared_sqlite", "sqlite"]

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("billing", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("billing")
