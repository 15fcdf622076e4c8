from tests.stores import closed_port, database, migrated_postgres, postgres, prepared_sqlite, sqlite

__all__ = ["closed_port", "database", "migrated_postgres", "postgres", "prepared_sqlite", "sqlite"]
