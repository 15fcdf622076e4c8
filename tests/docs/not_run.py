"""Commands in the pages that no test of these runs, each with the reason. A pattern that fits none fails a test."""

RELEASE = "a process of the Procfile: every `make run` starts it, these tests' own too"
ACCOUNT = "needs a real Stripe account and its CLI"
SYSTEMD = "changes the machine: tests/config/test_systemd.py looks at what is installed"
PACKAGES = "installs packages of the operating system or of PyPI"

SEALED = "needs a key, which `make run` has none of: tests/billing_core/cli/test_reseal.py runs it"
BREAKS = "breaks, mends or ends what other pages' commands need; tests/system/test_poison.py runs a worker with a bug"
PROMETHEUS = "needs Prometheus itself; tests/test_monitoring lets promtool judge the alerts"

NOT_RUN = {
    "billing events reseal*": SEALED,
    "sed -i *": BREAKS,
    "kill *": BREAKS,
    "git checkout *": BREAKS,
    "prometheus *": PROMETHEUS,
    "curl -s http://127.0.0.1:9090/*": PROMETHEUS,
    "alembic upgrade head": RELEASE,
    "alembic check": "compares models and tables: tests/migrations does",
    "alembic downgrade base": "drops the tables: tests/migrations does it to databases of its own",
    "python -m ingest": RELEASE,
    "python -m ingest.console": RELEASE,
    "celery -A workers.app *": RELEASE,
    "celery worker": RELEASE,
    "export STRIPE_SECRET_KEY=sk_test_…": ACCOUNT,
    "export STRIPE_WEBHOOK_SECRET=whsec_…": ACCOUNT,
    "stripe listen*": ACCOUNT,
    "apt-get install *": PACKAGES,
    "pip install *": PACKAGES,
    "sqlcmd *": "Microsoft's client: tests/migrations runs the scripts as they are rendered",
    "useradd *": SYSTEMD,
    "git clone *": SYSTEMD,
    "install -d *": SYSTEMD,
    "cp -r config/systemd/*": SYSTEMD,
    "systemctl *": SYSTEMD,
    "journalctl *": SYSTEMD,
    "uv sync *": PACKAGES,
    "docker *": "needs an engine: tests/test_dockerfile.py reads what it would build",
    "redis-cli *": "Redis' own client, which is not among our packages",
}
