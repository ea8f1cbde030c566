"""What the numbers mean: floors, intervals, nulls, tests and verdicts. numpy and scipy only."""
