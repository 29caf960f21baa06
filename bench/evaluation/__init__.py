"""How many cases a second `copydesk eval` gets through beside promptfoo, and in how much memory.

    python -m bench.evaluation [--install]            # side by side, in interleaved rounds
    python -m bench.evaluation --memory 100000        # a run on so many recorded cases

workload.py     the cases, their answers, and what is asserted of them; the same for both
ours.py         `copydesk eval run`: on recordings, and on a backend that answers at once
peer.py         `promptfoo eval` with a provider that answers at once
spending.py     what a process took: time, processor time, memory
"""
