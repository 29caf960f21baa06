"""Paired comparison of two versions by case: intervals, tests, power, verdicts. Pure functions of numbers.

A difference is the candidate's value less the baseline's, turned so that above zero is better. `verdict.compare_all`
is the way in; docs/adr/0027-statistics.md says why each part is what it is, and how often it errs.
"""
