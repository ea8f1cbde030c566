"""Fitting, evaluating and diagnosing a classifier."""
