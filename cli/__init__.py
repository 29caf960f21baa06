"""The `copydesk` command: one thin file per command group."""
