"""People who do not exist but read as if they did, so that a leaked one can be grepped for."""

from random import Random

from tests.fake_stripe.errors import Json
from tests.fake_stripe.state import State

GIVEN = ("Matilda", "Bronte", "Lachlan", "Yusuf", "Priya", "Callum", "Ngaire", "Tuan", "Ewa", "Marlon")
FAMILY = ("Ferreira-Doyle", "Wurundjeri", "Okonkwo", "Papadakis", "Nguyen-Hale", "Kowalczyk", "Strickland")
STREETS = ("Banksia Parade", "Wattlebird Lane", "Old Quarry Road", "Jarrah Crescent", "Kestrel Mews")
TOWNS = (("Fremantle", "WA", "6160"), ("Ballarat", "VIC", "3350"), ("Toowoomba", "QLD", "4350"))

PERSONAL_KEYS = frozenset(
    {"name", "email", "phone", "line1", "line2", "postal_code", "customer_email", "customer_name"}
)


class People:
    """Makes a new person each time, the same ones for the same seed."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def person(self) -> Json:
        """Return name, email, phone and address, ready for `customers.create`."""
        pick = self._random.choice
        given, family = pick(GIVEN), pick(FAMILY)
        number = self._random.randrange(100, 10_000)
        city, region, postcode = pick(TOWNS)
        address = {"line1": f"{number} {pick(STREETS)}", "city": city, "state": region}
        return {
            "name": f"{given} {family}",
            "email": f"{given}.{family}{number}@example.com".lower(),
            "phone": f"+614{self._random.randrange(10**8):08d}",
            "address": address | {"postal_code": postcode, "country": "AU"},
        }


def personal_values(state: State) -> set[str]:
    """Return every name, email, phone number and address line anywhere in the account."""
    found: set[str] = set()
    for kind in ("customer", "payment_method", "charge", "invoice"):
        for obj in state.tables[kind].values():
            _collect(obj, found)
    return found


def _collect(node: object, found: set[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _collect(item, found)
    if isinstance(node, dict):
        for key, value in node.items():
            if key in PERSONAL_KEYS and isinstance(value, str) and value:
                found.add(value)
            _collect(value, found)
