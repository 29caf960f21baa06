"""The tasks as LangChain chains, the prompt registry, the backends. Knows no HTTP and no evaluation."""
