"""The integrator's guide: what the platform's page does there, done in node, and its test cards."""

import re
import shutil
import subprocess
import uuid
from pathlib import Path

import httpx
import pytest

from tests.docs.pages import pages
from tests.docs.stand import Stand
from tests.fake_stripe.cards import BY_NUMBER, by_shortcut

pytestmark = pytest.mark.timeout(300)  # a loaded machine starts eight processes slowly

GUIDE = next(page for page in pages() if page.name == "docs/billing/stripe-integration.md")
SCRIPT = next(block.text for block in GUIDE.blocks() if block.language == "js")
CARDS = re.findall(r"^\| ([\d ]{19}) \| `(\w+)` \| (.+) \|$", GUIDE.text, re.MULTILINE)


@pytest.fixture(scope="module")
def node() -> str:
    return shutil.which("node") or pytest.skip("the page's script needs node")


@pytest.mark.parametrize(
    ("card", "told", "status"),
    [
        ("pm_card_visa", "active", "active"),
        ("pm_card_authenticationRequired", "active", "active"),
        ("pm_card_chargeCustomerFail", "The bank declined the payment.", "incomplete"),
    ],
)
def test_page_subscribes(here: Stand, node: str, card: str, told: str, status: str) -> None:
    driver = Path(__file__).with_name("page.mjs")
    stripe, token = here.settings["STRIPE_API_BASE"], here.token()
    typed = [node, str(driver), SCRIPT, here.web, stripe, token, "1", card, uuid.uuid4().hex]
    done = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == told, done.stderr
    here.wait_for_status(status)


@pytest.mark.parametrize(("number", "name", "happens"), CARDS)
def test_cards_are_as_the_table_says(here: Stand, number: str, name: str, happens: str) -> None:
    assert by_shortcut(name) is BY_NUMBER[number.replace(" ", "")]
    answer = httpx.post(
        f"{here.web}/api/billing/subscriptions",
        headers={"Authorization": f"Bearer {here.token()}", "Prefer": "wait=20"},
        json={"user_id": 1, "payment_method_id": name},
        timeout=30,
    )
    expected = re.search(r"(\d{3})(?:, `(\w+)`)?", happens)
    assert answer.status_code == (int(expected[1]) if expected else 201)
    if expected and expected[2]:
        assert expected[2] in {
            answer.json().get("decline_code"),
            answer.json().get("code"),
            answer.json().get("status"),
        }
