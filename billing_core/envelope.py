"""Celery's message for a batch of events, made without Celery's cost per message.

The template is built once by Celery's own builder, so that it follows Celery's version; the accept script fills
in the event IDs. https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from uuid import uuid4

from celery import Celery
from kombu.serialization import dumps
from kombu.utils.json import dumps as json_dumps

from config.queues import Family

BODY_IDS = "@BODY_IDS@"
SHOWN_IDS = "@SHOWN_IDS@"
_MESSAGE_ID = "@MESSAGE_ID@"


class MessageTemplate:
    """Makes the message of a family with the places for the event IDs left open."""

    def __init__(self, app: Celery) -> None:
        self._templates = {family: _template(app, family) for family in Family}

    def message(self, family: Family) -> str:
        """Return a message of its own task ID; the scripts replace `BODY_IDS` and `SHOWN_IDS`."""
        return self._templates[family].replace(_MESSAGE_ID, str(uuid4()))


def _template(app: Celery, family: Family) -> str:
    message = app.amqp.create_task_message(
        _MESSAGE_ID, family, args=[[BODY_IDS]], argsrepr=f"(['{SHOWN_IDS}'],)", kwargsrepr="{}", ignore_result=True
    )
    content_type, content_encoding, body = dumps(message.body, "json")
    properties = message.properties | {
        "delivery_tag": _MESSAGE_ID,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": family},
        "priority": 0,
    }
    return json_dumps(
        {
            "body": body,
            "content-type": content_type,
            "content-encoding": content_encoding,
            "headers": message.headers,
            "properties": properties,
        }
    )
