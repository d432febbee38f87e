from tests.store.conftest import corpus, kind, migrated_postgres, migrated_sqlite, new_job, settings, store

__all__ = ["corpus", "kind", "migrated_postgres", "migrated_sqlite", "new_job", "settings", "store"]
