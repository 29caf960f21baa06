"""Any provider that LangChain has a package for, through `init_chat_model("provider:model")`.

What the package does by itself is switched off where it says how: its retries, its time limits, its own caps. What
can't be known of a provider that isn't in the table of providers.py: whether it obeys every call keyword, whether its
SDK tries again by itself, and whether a prompt fits before it was sent.
"""
