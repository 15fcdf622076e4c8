"""Python's garbage collector, told once a process is built that what it has then will stay."""

import gc

# Container objects made between two looks for cycles, of which there are few here: reference counts free the rest.
# Python's 700 makes it look several times an event.
YOUNG = 20_000


def look_rarely() -> None:
    """Let a process be imported and built without the collector's looking through it again and again."""
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


def spare_what_stays() -> None:
    """Leave modules, settings and connections out of every later collection.

    Looking through them all again and again makes a third of the slowest requests (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    look_rarely()
