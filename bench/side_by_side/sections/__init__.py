"""What a run measures, one file each: `measure(bench)` gives a section of the results."""
