"""Jobs, their items, and the workers that run them. The queue that runs them holds nothing but their ids."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("task", sa.String(100), nullable=False),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("choices", sa.Text, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("cancelled", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("dispatch_at", sa.BigInteger),
    )
    op.create_index("jobs_by_key", "jobs", ["key_id", "created_at", "id"])
    op.create_index("jobs_by_expiry", "jobs", ["expires_at"])
    op.create_index("jobs_by_dispatch", "jobs", ["dispatch_at"])
    op.create_table(
        "job_items",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("request", sa.Text),
        sa.Column("choice", sa.Integer),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer),
        sa.Column("outcome", sa.Text),
    )
    op.create_index("job_items_by_state", "job_items", ["job_id", "state"])
    op.create_index("job_items_by_position", "job_items", ["job_id", "position"])
    op.create_table(
        "workers",
        sa.Column("executor_id", sa.String(32), primary_key=True),
        sa.Column("place", sa.String(200), nullable=False),
        sa.Column("process", sa.String(50), nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
