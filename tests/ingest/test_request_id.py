"""One ID leads from an answer to the lines of its request, and on to the worker."""

import json

import httpx
import pytest
import redis
import structlog

from billing_core.commands.queue import enqueue
from config.celery import create_celery
from config.queues import COMMANDS_QUEUE
from config.settings import Settings
from ingest.request_id import HEADER
from tests.ingest.api.calling import API, lines
from tests.ingest.deliveries import PATH, opened, post

pytestmark = pytest.mark.anyio

SENT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


async def test_answer_and_line_have_the_id_that_was_sent(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(settings) as client:
        answer = await client.get(f"{API}/subscriptions/1", headers={HEADER: SENT})
    assert answer.headers[HEADER] == SENT
    assert [line["request_id"] for line in lines(capsys.readouterr().out, "api.called")] == [SENT]


@pytest.mark.parametrize(
    "sent", [None, "short", "jane@example.com", "4242424242424242", "4242-4242-4242-4242", "x" * 65]
)
async def test_request_without_a_sane_id_gets_one(client: httpx.AsyncClient, sent: str | None) -> None:
    answers = [await client.get("/livez", headers={HEADER: sent} if sent else {}) for _ in range(2)]
    made = {answer.headers[HEADER] for answer in answers}
    assert len(made) == 2
    assert sent not in made
    assert all(len(one) == 32 for one in made)


async def test_refused_webhook_is_found_by_its_id_and_an_accepted_one_costs_none(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(settings) as client:
        refused = await client.post(PATH, content=b"{}", headers={HEADER: SENT})
        client.headers[HEADER] = SENT
        accepted = await post(client)
    assert (refused.status_code, refused.headers[HEADER]) == (400, SENT)
    assert (accepted.status_code, HEADER in accepted.headers) == (200, False)
    assert [line["request_id"] for line in lines(capsys.readouterr().out, "webhook.refused")] == [SENT]


async def test_message_of_a_command_carries_the_id_of_its_request(redis_url: str) -> None:
    sender = create_celery(Settings(env="test", redis_url=redis_url))
    with structlog.contextvars.bound_contextvars(request_id=SENT):
        enqueue(sender, "cmd_1")
    enqueue(sender, "cmd_2")
    sender.close()
    with redis.Redis.from_url(redis_url) as client:
        without, with_id = client.lrange(f"{{billing}}:{COMMANDS_QUEUE}", 0, -1)
    assert json.loads(with_id)["headers"]["request_id"] == SENT
    assert "request_id" not in json.loads(without)["headers"]
