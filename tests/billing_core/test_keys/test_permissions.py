"""What a restricted key needs: all that the source calls and nothing else, and each told when it is missing."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from billing_core.errors import StripeForbidden, StripeUnavailable
from billing_core.finding import Level
from billing_core.keys.permissions import PERMISSIONS, form_address
from billing_core.keys.rights import Kind, asked, examine_rights, kind_of
from billing_core.stripe_api import StripeApi
from billing_core.stripe_calls import endpoint_of
from config.settings import Settings
from tests.fake_stripe import FakeStripe
from tests.needed_rights import NEEDED

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "keys.md").read_text()
PATH = re.compile(r"/v1/[a-z_/]+")
LISTED = {endpoint for permission in PERMISSIONS for endpoint in permission.endpoints}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


def settings_of(fake: FakeStripe, key: str, **changes: Any) -> Settings:
    return Settings(env="test", stripe_secret_key=SecretStr(key), stripe_api_base=fake.url, **changes)


def api_of(settings: Settings) -> StripeApi:
    return StripeApi(settings.stripe_secret_key, settings.stripe_api_base, timeout=5, max_retries=0)


@cache
def paths() -> set[str]:
    """Return every path of Stripe's API that stands in the product, as far as its first ID."""
    files = [file for folder in ("billing_core", "ingest", "workers") for file in (ROOT / folder).rglob("*.py")]
    trees = [ast.parse(file.read_text()) for file in files if file.parent.name != "keys"]
    values = [one.value for tree in trees for one in ast.walk(tree) if isinstance(one, ast.Constant)]
    return {value.rstrip("/") for value in values if isinstance(value, str) and PATH.fullmatch(value)}


def test_every_path_in_the_source_is_listed() -> None:
    listed = {endpoint.split()[1] for endpoint in LISTED}
    # A path with an ID begins with the collection's; a kind's path ends with the slash before it.
    found = paths()
    assert found >= {"/v1/customers", "/v1/refunds", "/v1/events", "/v1/webhook_endpoints"}
    assert {path for path in found if not any(one.startswith(path) for one in listed)} == set()


def test_nothing_is_listed_of_which_the_source_knows_no_path() -> None:
    found = paths()
    assert {one for one in LISTED if not any(one.split()[1].startswith(path) for path in found)} == set()


def test_endpoints_are_written_as_calls_are_counted() -> None:
    for endpoint in LISTED:
        method, path = endpoint.split()
        assert method in {"GET", "POST", "DELETE"}
        assert endpoint_of(path) == path


@pytest.mark.parametrize("permission", PERMISSIONS, ids=lambda one: one.resource)
def test_write_is_asked_for_only_where_something_is_written(permission: Any) -> None:
    writes = any(not endpoint.startswith("GET ") for endpoint in permission.endpoints)
    assert permission.name == f"rak_{permission.resource}_{'write' if writes else 'read'}"


def test_page_and_form_list_the_same_permissions() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (Read|Write) \| `(rak_\w+)` \|", PAGE, re.MULTILINE)
    assert rows == [(one.row, one.level, one.name) for one in PERMISSIONS]
    assert re.findall(r"rak_\w+", form_address()) == NEEDED


@pytest.mark.parametrize("lacking", PERMISSIONS, ids=lambda one: one.resource)
def test_each_permission_that_a_key_lacks_is_named(fake: FakeStripe, lacking: Any) -> None:
    key = fake.restrict(set(NEEDED) - {lacking.name}, "rk_test_5f0aLacking")
    settings = settings_of(fake, key)
    missing = {one.permission.row: one.missing for one in asked(api_of(settings)) if one.missing}
    assert missing == {lacking.row: f"rak_{lacking.resource}_read"}
    finding = examine_rights(api_of(settings), settings)
    assert finding.level is Level.FAIL
    assert f"{lacking.row}: {lacking.level}" in finding.found
    assert "5f0a" not in str(finding)


def test_key_with_all_of_them_may_read_everything(fake: FakeStripe) -> None:
    settings = settings_of(fake, fake.restrict(NEEDED))
    assert examine_rights(api_of(settings), settings).level is Level.OK


def test_asking_changes_nothing(fake: FakeStripe) -> None:
    before = len(fake.request_log)
    list(asked(api_of(settings_of(fake, fake.api_key))))
    assert {one.method for one in fake.request_log[before:]} == {"GET"}


@pytest.mark.parametrize(
    ("env", "key", "level"), [("test", "sk_test_1", Level.OK), ("production", "sk_live_1", Level.WARN)]
)
def test_key_that_may_do_everything_is_worth_a_warning_in_production(
    fake: FakeStripe, env: Any, key: str, level: Level
) -> None:
    settings = settings_of(fake, "sk_test_1").model_copy(update={"env": env, "stripe_secret_key": SecretStr(key)})
    assert examine_rights(api_of(settings), settings).level is level


def test_kind_is_told_by_the_first_letters() -> None:
    assert [kind_of(SecretStr(key)) for key in ("rk_live_1", "sk_live_1")] == [Kind.RESTRICTED, Kind.SECRET]


def test_key_that_stripe_does_not_know_is_no_lack_of_rights(fake: FakeStripe) -> None:
    fake.revoke("rk_test_revoked")
    with pytest.raises(StripeUnavailable, match="401") as caught:
        list(asked(api_of(settings_of(fake, "rk_test_revoked"))))
    assert not isinstance(caught.value, StripeForbidden)


def test_refusal_names_the_permission_and_not_the_key(fake: FakeStripe) -> None:
    key = fake.restrict([], "rk_test_5f0aNothing")
    with pytest.raises(StripeForbidden, match="our key lacks rak_customer_read") as caught:
        api_of(settings_of(fake, key)).fetch("/v1/customers/cus_1")
    assert caught.value.permission == "rak_customer_read"
    assert "rk_test" not in str(caught.value)
