"""The metrics of each task: from a case and what came out to a value, and from the values of many cases to one."""
