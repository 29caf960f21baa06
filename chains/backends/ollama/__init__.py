"""Ollama by its own API: prompts that don't fit are refused, never cut, and an answer is one only when it is done."""
