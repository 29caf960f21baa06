"""Whom a run measures, one file each: how it is installed, started, asked and stopped."""
