"""The HTTP service. Knows no prompt and no model."""
