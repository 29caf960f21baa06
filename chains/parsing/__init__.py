"""From a document's bytes to its text, in processes that the service can lose. Imports nothing else of Copydesk.

`server` is the program that the service starts; it forks one child for each document.
"""
