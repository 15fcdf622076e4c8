"""Anything at all at the door and at the workers: nothing unsigned has an effect, and nothing signed a crash."""
