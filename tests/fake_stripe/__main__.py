"""`python -m tests.fake_stripe --port N`: the fake as a process of its own."""

import argparse
import contextlib
import sys

from tests.fake_stripe.control import DEFAULT_SECRET
from tests.fake_stripe.fake import FakeStripe
from tests.fake_stripe.server import bind


def main() -> None:
    """Serve until interrupted."""
    options = _options()
    fake = FakeStripe(
        host=options.host,
        port=options.port,
        seed=options.seed,
        start=options.start,
        rate=options.rate,
        strict=options.strict,
    )
    if options.webhook_url:
        fake.add_endpoint(options.webhook_url, secret=options.webhook_secret, api_version=options.webhook_api_version)
    listening = bind(options.host, options.port)
    host, port = listening.getsockname()
    sys.stdout.write(f"fake Stripe on http://{host}:{port} (control: POST /_fake/<command>)\n")
    sys.stdout.flush()
    fake.server.run([listening])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.fake_stripe", description="A stateful local Stripe.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one and prints it")
    parser.add_argument("--webhook-url", help="where to deliver events")
    parser.add_argument("--webhook-secret", default=DEFAULT_SECRET)
    parser.add_argument("--webhook-api-version", help="before 2025-03-31 for the old shape")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=float, help="Unix seconds; by default 40 days ago")
    parser.add_argument("--rate", type=float, default=1.0, help="fake seconds per real second")
    parser.add_argument("--strict", action="store_true", help="refuse what Stripe's spec does not know")
    return parser.parse_args()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes Ctrl-C on once it has stopped
        main()
