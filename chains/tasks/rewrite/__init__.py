"""Rewrite a text in another style, or by a free instruction."""

from chains.tasks.rewrite.chain import task

__all__ = ["task"]
