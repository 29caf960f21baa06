"""What requests cost: their tokens, their money, and estimates of their energy and water, by day, kept in the database.

docs/usage.md says what is counted where, docs/footprint.md how energy and water are estimated.
"""

from app.usage.books import UsageBooks
from app.usage.operation import usage_router
from app.usage.spending import MonthlySums

__all__ = ["MonthlySums", "UsageBooks", "usage_router"]
