"""What a user's ID may be."""

LARGEST_USER_ID = 2**31 - 1  # UserID is an INT; PostgreSQL fails on a larger number instead of finding nothing
