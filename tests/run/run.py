"""From nothing to a running product, through the story, and down again."""

from contextlib import ExitStack
from pathlib import Path

from config.loading import load_settings
from tests.run import report
from tests.run.environment import choose_console, choose_parts, choose_ports, choose_token_key, write_exports
from tests.run.errors import CannotRun
from tests.run.product import Product
from tests.run.telling import tell_story
from tests.run.var_directory import VarDirectory


def run(directory: Path, *, once: bool) -> int:
    """Run until interrupted, or `once` through the story; return the exit code.

    Raises:
        CannotRun: something does not start, or does not stay up.
        config.settings.SettingsError: a setting is wrong.
        tests.embedded.server_process.ServerNotStarted: an embedded part does not start.
        KeyboardInterrupt: interrupted before the story was told.
    """
    settings = load_settings()
    parts = choose_parts(settings)
    if once and not parts.stripe:
        raise CannotRun("--once plays its story through fake Stripe: unset STRIPE_SECRET_KEY")
    var, console, good = VarDirectory(directory), report.make_console(), True
    with var.locked(), ExitStack() as stack:
        var.clean(database=parts.database)
        product = Product(var, parts, stack, console.print)
        password = choose_console(settings)
        settings = product.start(choose_ports(choose_token_key(settings)))
        write_exports(var.exports)
        if parts.stripe:
            good = tell_story(product, settings, console).good
        if not once:
            console.print(report.whereabouts(settings, parts, var, product.user_id, password), soft_wrap=True)
            product.stay_up()
    return 0 if good else 1
