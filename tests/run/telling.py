from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from config.settings import Settings
from tests.fake_stripe import FakeStripeClient
from tests.run import report
from tests.run.product import Product
from tests.run.story import Story
from tests.run.trail import Footprint, Trail, Verdict


def tell_story(product: Product, settings: Settings, console: Console) -> Verdict:
    """Play the story, let each chapter's events settle before the next, and show what came of it."""
    if product.user_id is None:
        raise ValueError("the story's customer needs a user")
    trail = Trail(product.database, FakeStripeClient(settings.stripe_api_base).events)
    chapters: list[Sequence[Footprint]] = []
    told = 0
    console.print("\nOne customer's story, by signed webhooks of fake Stripe:")
    for chapter in Story(settings.stripe_api_base, product.user_id).play():
        trail.wait_until_settled(product.keep_watch)
        footprints = trail.footprints()
        chapters.append(footprints[told:])
        told = len(footprints)
        console.print(f"  {len(chapters)}  {chapter}")
    return _show(console, trail, chapters, report.table_of_rows(product.database, product.user_id))


def _show(console: Console, trail: Trail, chapters: Sequence[Sequence[Footprint]], rows: Table) -> Verdict:
    verdict = trail.verdict()
    console.print("", report.table_of_footprints(chapters), "", rows, sep="\n")
    console.print(report.unhandled_line(trail), soft_wrap=True)
    for shortfall in report.shortfalls(verdict):
        console.print(shortfall, soft_wrap=True)
    console.print(str(verdict))
    return verdict
