import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
import redis

from config.queues import Family
from config.settings import Settings
from ingest.webhook import EVENT_ID
from tests.fake_stripe.signature import sign
from tests.ingest.deliveries import (
    PATH,
    ROTATED_SECRET,
    SECRET,
    contents,
    counted,
    event_body,
    opened,
    post,
    queue_of,
    settings_for,
)

pytestmark = pytest.mark.anyio

DEEP = b'{"id": "evt_1", "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def ids_in(message: dict[str, object]) -> list[str]:
    body = message["body"]
    assert isinstance(body, str)
    ids: list[str] = json.loads(body)[0][0]
    return ids


async def test_new_event_is_stored_with_its_payload_and_queued_once(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    body = event_body("evt_1")
    before = counted("billing_events_accepted", family="stripe.invoice")
    answer = await post(client, body)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert [ids_in(message) for message in queue_of(settings.redis_url, Family.INVOICE)] == [["evt_1"]]
    with redis.Redis.from_url(settings.redis_url) as connection:
        assert connection.get("{billing}:event:evt_1").partition(b"\n")[2] == body
        assert connection.zrange("{billing}:inbox:stripe.invoice", 0, -1) == [b"evt_1"]
    assert counted("billing_events_accepted", family="stripe.invoice") == before + 1


async def test_event_seen_before_is_told_to_be_a_duplicate_and_changes_nothing(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    await post(client, event_body("evt_1"))
    stored = contents(settings.redis_url)
    before = counted("billing_events_duplicate", family="stripe.invoice")
    for signature in (None, sign(event_body("evt_1"), ROTATED_SECRET)):
        answer = await post(client, event_body("evt_1"), signature)
        assert (answer.status_code, answer.json()) == (200, {"received": True, "duplicate": True})
    assert contents(settings.redis_url) == stored
    assert counted("billing_events_duplicate", family="stripe.invoice") == before + 2


@pytest.mark.parametrize(
    ("event_type", "family"),
    [
        ("customer.subscription.updated", Family.SUBSCRIPTION),
        ("invoice.payment_succeeded", Family.INVOICE),
        ("payment_method.attached", Family.PAYMENT_METHOD),
        ("charge.dispute.created", Family.DISPUTE),
    ],
)
async def test_event_takes_the_queue_of_its_family(
    client: httpx.AsyncClient, settings: Settings, event_type: str, family: Family
) -> None:
    await post(client, event_body("evt_1", type=event_type))
    assert {name: len(queue_of(settings.redis_url, name)) for name in Family} == {
        name: int(name is family) for name in Family
    }


async def test_thin_event_with_its_time_as_text_is_received(client: httpx.AsyncClient, settings: Settings) -> None:
    thin = {
        "object": "v2.core.event",
        "type": "v1.invoice.payment_failed",
        "created": "2026-11-22T10:00:00.000Z",
        "data": {},
        "related_object": {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"},
    }
    answer = await post(client, event_body("evt_test_65Qk", **thin))
    assert answer.json() == {"received": True}
    assert ids_in(queue_of(settings.redis_url, Family.INVOICE)[0]) == ["evt_test_65Qk"]


@pytest.mark.parametrize(
    "event_type", ["product.created", "v1.product.created", "v2.invoice.payment_failed", "", "invoice.payment_faile"]
)
async def test_unhandled_type_is_acknowledged_counted_and_not_stored(
    client: httpx.AsyncClient, settings: Settings, event_type: str
) -> None:
    before = counted("billing_events_unhandled")
    answer = await post(client, event_body(type=event_type))
    assert (answer.status_code, answer.json()["received"]) == (200, True)
    assert contents(settings.redis_url) == {}
    assert counted("billing_events_unhandled") == before + 1


@pytest.mark.parametrize(("env", "livemode"), [("test", True), ("development", True), ("production", False)])
async def test_event_of_the_other_mode_is_acknowledged_counted_and_not_stored(
    redis_url: str, env: str, livemode: bool
) -> None:
    before = counted("billing_events_wrong_mode")
    async with opened(of_environment(redis_url, env)) as client:
        answer = await post(client, event_body(livemode=livemode))
    assert (answer.status_code, answer.json()["received"]) == (200, True)
    assert contents(redis_url) == {}
    assert counted("billing_events_wrong_mode") == before + 1


async def test_live_event_is_accepted_in_production(redis_url: str) -> None:
    async with opened(of_environment(redis_url, "production")) as client:
        assert (await post(client, event_body(livemode=True))).json() == {"received": True}
    assert len(queue_of(redis_url, Family.INVOICE)) == 1


def of_environment(redis_url: str, env: str) -> Settings:
    key = "sk_live_51Hq7" if env == "production" else "sk_test_51Hq7"
    return settings_for(
        redis_url, env=env, stripe_secret_key=key, database_url="postgresql+psycopg://billing:pw@127.0.0.1/billing"
    )


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "t=1,v1=é",
        sign(event_body(), "whsec_wrong"),
        sign(event_body("evt_2"), SECRET),
        sign(event_body(), SECRET, 1_700_000_000),
        sign(event_body(), SECRET, 9_000_000_000),
    ],
    ids=["empty", "nonsense", "not ASCII", "wrong secret", "of another body", "stale", "future-dated"],
)
async def test_unproven_request_leaves_nothing_behind(
    client: httpx.AsyncClient, settings: Settings, signature: str
) -> None:
    await post(client, event_body("evt_before"))
    stored = contents(settings.redis_url)
    before = counted("billing_webhooks_refused", code="bad_signature")
    answer = await client.post(PATH, content=event_body(), headers=[(b"stripe-signature", signature.encode("latin-1"))])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_signature")
    assert contents(settings.redis_url) == stored
    assert counted("billing_webhooks_refused", code="bad_signature") == before + 1


async def test_unsigned_request_is_refused(client: httpx.AsyncClient, settings: Settings) -> None:
    answer = await client.post(PATH, content=event_body())
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": {"code": "bad_signature", "message": "no Stripe-Signature header"}},
    )
    assert contents(settings.redis_url) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"id": "evt_1"',
        b'{"id": "evt_1"}',
        event_body(type=None),
        event_body(livemode="false"),
        event_body(created=None),
        b"\xef\xbb\xbf" + event_body(),
        DEEP,
        DEEP.replace(b'"id": "evt_1", ', b""),
    ],
    ids=range(11),
)
async def test_signed_body_that_is_no_event_is_refused(
    client: httpx.AsyncClient, settings: Settings, body: bytes
) -> None:
    answer = await post(client, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_body")
    assert contents(settings.redis_url) == {}


@pytest.mark.parametrize(
    "event_id",
    [
        "",
        "evt_",
        "in_1",
        "xevt_1",
        "evt_1\n",
        "evt_1 ",
        "evt_%1",
        'evt_"',
        "evt_'",
        "evt_\\",
        "evt_é",
        "evt_@BODY_IDS@",
        "evt_" + "x" * 251,
        17,
        None,
    ],
)
async def test_id_that_could_not_be_stripes_is_refused(
    client: httpx.AsyncClient, settings: Settings, event_id: str
) -> None:
    answer = await post(client, event_body(event_id))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_body")
    assert contents(settings.redis_url) == {}


def test_longest_id_fits_the_column() -> None:
    assert EVENT_ID.fullmatch("evt_" + "x" * 250)


async def test_body_of_exactly_the_limit_is_accepted_and_one_byte_more_is_refused(redis_url: str) -> None:
    body = event_body("evt_1")
    async with opened(settings_for(redis_url, max_body_bytes=len(body))) as client:
        assert (await post(client, body)).status_code == 200
        stored = contents(redis_url)
        for length in ("", "nonsense", "²", "9" * 5000):
            headers = [(b"content-length", length.encode("latin-1"))] if length else []
            answer = await client.post(PATH, content=event_body("evt_10"), headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert contents(redis_url) == stored


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_is_allowed(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_event_that_redis_has_no_room_for_is_not_received(client: httpx.AsyncClient, settings: Settings) -> None:
    with redis.Redis.from_url(settings.redis_url) as connection:
        connection.config_set("maxmemory", 1)
        try:
            answer = await post(client)
        finally:
            connection.config_set("maxmemory", 0)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert contents(settings.redis_url) == {}
    assert (await post(client)).json() == {"received": True}


async def test_sender_that_hangs_up_halfway_is_no_error_of_ours(client: httpx.AsyncClient, settings: Settings) -> None:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"", "root_path": ""}
    await transport.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert contents(settings.redis_url) == {}


async def test_log_and_metrics_name_the_reason_and_show_no_personal_data(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(settings) as client:
        await post(client, event_body("evt_private"))
        await post(client, event_body("evt_private"), sign(b"", SECRET))
        await post(client, event_body("evt_private", livemode=True))
        metrics = (await client.get("/metrics")).text
    written = capsys.readouterr().out
    assert "webhook.refused" in written
    assert "webhook.misdirected" in written
    assert "jane@example.com" not in written
    assert 'billing_events_accepted_total{family="stripe.invoice"}' in metrics
    assert 'billing_webhooks_refused_total{code="bad_signature"}' in metrics
    assert "evt_" not in metrics


async def test_burst_needs_far_fewer_round_trips_than_events(client: httpx.AsyncClient, settings: Settings) -> None:
    await post(client)  # the script is loaded by now
    with redis.Redis.from_url(settings.redis_url) as connection:
        connection.config_resetstat()
        answers = await asyncio.gather(*(post(client, event_body(f"evt_{number}x")) for number in range(200)))
        calls = connection.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert [answer.json() for answer in answers] == [{"received": True}] * 200
    assert calls < 100
    queued = [event_id for message in queue_of(settings.redis_url, Family.INVOICE) for event_id in ids_in(message)]
    assert len(queue_of(settings.redis_url, Family.INVOICE)) < 10
    assert sorted(queued) == sorted(["evt_1", *(f"evt_{number}x" for number in range(200))])


async def test_no_payload_stands_in_a_message(client: httpx.AsyncClient, settings: Settings) -> None:
    await post(client)
    assert "jane@example.com" not in json.dumps(queue_of(settings.redis_url, Family.INVOICE))
