"""The scorers, one a file: pure functions of what was expected and what came out. README.md lists them.

Ends of spans are exclusive, offsets are code points where nothing else is said. A score that isn't defined is None.
"""
