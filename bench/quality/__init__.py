"""What each task gives beside the plain way: one prompt, no grammar, no grounding, on the same model and cases.

`python -m bench.quality TASK --data DIR` measures one task. A task's module has `measure(options)`, which returns rows.
"""
