"""The diagnose page."""
