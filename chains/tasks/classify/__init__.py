"""Assign a text to one of the given labels, or to several, with a confidence that was measured.

How sure the model is comes from what its backend can do: the likelihood of each label as the answer; else the
log-probabilities of a constrained answer; else the votes of several answers; else nothing is claimed.
"""

from chains.tasks.classify.definition import task

__all__ = ["task"]
