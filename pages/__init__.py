"""The dashboard: one folder a page."""
