"""Alembic runs this for each upgrade, on the connection that app/store/upgrade.py gives it."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
