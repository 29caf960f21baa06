"""From a draft to production and back: release, evidence, promotion, rollback."""
