from tests.store.conftest import claim, corpus, kind, migrated_postgres, migrated_sqlite, new_job, settings, store

__all__ = ["claim", "corpus", "kind", "migrated_postgres", "migrated_sqlite", "new_job", "settings", "store"]
