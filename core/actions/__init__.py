"""What a person can do, once: the command line and the pages call these same functions."""
