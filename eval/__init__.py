"""The evaluation suite. Knows no HTTP."""
