"""`make run`: the whole product in the foreground, on embedded parts, and one customer's story through it."""
