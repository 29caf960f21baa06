"""What stands between a chain and a backend's chat model: sharing, cache, queue, breaker, retries."""
