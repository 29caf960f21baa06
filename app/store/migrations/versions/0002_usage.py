"""What requests cost, by day."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "usage_daily",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("key_id", sa.String(32), primary_key=True),
        sa.Column("task", sa.String(100), primary_key=True),
        sa.Column("prompt", sa.String(100), primary_key=True),
        sa.Column("version", sa.String(100), primary_key=True),
        sa.Column("backend", sa.String(200), primary_key=True),
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("code", sa.String(64), primary_key=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("model_calls", sa.BigInteger, nullable=False),
        sa.Column("unreported_calls", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_nano_usd", sa.BigInteger, nullable=False),
        sa.Column("energy_uwh", sa.BigInteger, nullable=False),
        sa.Column("water_ul", sa.BigInteger, nullable=False),
    )
    op.create_index("usage_daily_by_key", "usage_daily", ["key_id", "day"])
    op.create_table(
        "usage_writers",
        sa.Column("writer", sa.String(32), primary_key=True),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("written_at", sa.BigInteger, nullable=False),
    )
