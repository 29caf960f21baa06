"""The database: one engine, one set of tables, one path of migrations. Each feature names its own tables."""

from app.store.database import Database, metadata, now_ms

__all__ = ["Database", "metadata", "now_ms"]
