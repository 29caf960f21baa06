"""API keys: who calls, what the caller may do, and how much of it."""

from app.keys.entrance import Entrance, challenge, check_open
from app.keys.keyring import Keyring
from app.keys.quotas import Demand, Quotas, demand_of
from app.keys.security import Security, check_settings

__all__ = [
    "Demand",
    "Entrance",
    "Keyring",
    "Quotas",
    "Security",
    "challenge",
    "check_open",
    "check_settings",
    "demand_of",
]
