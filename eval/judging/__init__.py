"""A language model as a judge, treated like any other instrument: it is calibrated before it is read.

Another model than those judged compares two answers, in both orders; what changes with the order counts as a tie. How
far it agrees with people stands beside every score of it, and below a kappa of 0.6 it decides nothing:
docs/adr/0031-judge.md.
"""
