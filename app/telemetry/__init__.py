"""What operators see of the service: the log, metrics and traces."""
