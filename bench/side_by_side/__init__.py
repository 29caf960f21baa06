"""Copydesk beside what users would take instead, on one machine in one run. `python -m bench.side_by_side --help`."""
