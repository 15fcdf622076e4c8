class CannotRun(Exception):
    """What keeps `make run` from running. Its text is for the person at the terminal: what, and what to do."""
