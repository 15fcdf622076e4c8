import re
from datetime import timedelta

import typer

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
AGE = re.compile(r"([0-9]{1,5})([mhd])")  # five digits: that many days before today are still a date


def age(text: str) -> timedelta:
    """Read an age as operators write it: 30m, 24h, 7d."""
    match = AGE.fullmatch(text)
    if not match:
        raise typer.BadParameter(f"{text}: write a number and m, h or d, as in 24h")
    number, unit = match.groups()
    return timedelta(**{UNITS[unit]: int(number)})
