"""Unconfound: find out whether a text classifier leans on a confound, and remove it."""
