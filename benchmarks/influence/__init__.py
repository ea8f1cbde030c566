"""Exact influence scores and influence tuning: our engine, the reference procedure, dattri, captum and kronfluence."""
