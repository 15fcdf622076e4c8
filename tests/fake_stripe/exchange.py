"""One API request from its bytes to its answer: key, faults, idempotency, execution, rendering."""

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.fake_stripe.errors import Json, StripeFailure, invalid
from tests.fake_stripe.faults import Fault, Faults
from tests.fake_stripe.forms import Params, unflatten
from tests.fake_stripe.idempotency import Answer, IdempotencyKeys
from tests.fake_stripe.ids import IdGenerator
from tests.fake_stripe.openapi import request_violations
from tests.fake_stripe.permissions import refuse_unless_allowed
from tests.fake_stripe.routes import INCLUDABLE, ROUTER
from tests.fake_stripe.routing import Call, expand
from tests.fake_stripe.sandbox import Cause, Sandbox
from tests.fake_stripe.shapes import present


class ConnectionSevered(Exception):
    """The client must see its connection die instead of an answer."""


@dataclass(frozen=True)
class Incoming:
    """A request as it came over the wire."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Exchange:
    """The log of one request. `at` is fake time; `status` 0 means the connection was severed."""

    method: str
    path: str
    params: Json
    request_id: str
    idempotency_key: str | None
    api_version: str
    at: float
    status: int = 0
    answer: Json = field(default_factory=dict)
    replayed: bool = False


@dataclass
class Api:
    """Answers API requests on behalf of a sandbox. `strict` refuses what Stripe's spec does not know."""

    sandbox: Sandbox
    faults: Faults
    keys: IdempotencyKeys
    strict: bool = False
    revoked_keys: set[str] = field(default_factory=set)
    restricted_keys: dict[str, frozenset[str]] = field(default_factory=dict)
    log: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Their own generator: how often a client reads must not change the IDs of what it makes.
        self._request_ids = IdGenerator(self.sandbox.seed + 1)

    async def answer(self, incoming: Incoming) -> Answer:
        """Answer one request, or raise ConnectionSevered."""
        request_id = self._request_ids.new("req")
        fault = self.faults.take(incoming.method, incoming.path)
        exchange = self._exchange(incoming, request_id)
        self.log.append(exchange)
        if self.faults.down:
            raise ConnectionSevered
        try:
            answer = await self._checked(incoming, exchange, fault)
        except StripeFailure as failure:
            answer = self._failed(failure, exchange)
        exchange.status = answer.status
        exchange.answer = json.loads(answer.body)
        if fault is not None:
            await asyncio.sleep(fault.latency_after)
            if fault.drop:
                exchange.status = 0
                raise ConnectionSevered
        return answer

    def _exchange(self, incoming: Incoming, request_id: str) -> Exchange:
        key = incoming.headers.get("idempotency-key") if incoming.method == "POST" else None
        version = incoming.headers.get("stripe-version") or self.sandbox.api_version
        now = self.sandbox.clock.now()
        return Exchange(incoming.method, incoming.path, {}, request_id, key, version, now)

    async def _checked(self, incoming: Incoming, exchange: Exchange, fault: Fault | None) -> Answer:
        api_key = self._authenticate(incoming.headers)
        exchange.params = _params(incoming)
        if api_key in self.restricted_keys:
            expand = Params(exchange.params).strings("expand")
            granted = self.restricted_keys[api_key]
            refuse_unless_allowed(api_key, granted, exchange.method, exchange.path, expand)
        if self.strict:
            self._refuse_unknown(exchange)
        key = exchange.idempotency_key
        if key is None:
            return await self._execute(exchange, fault)
        kept = self.keys.begin(key, _fingerprint(incoming), self.sandbox.clock.now())
        if kept is not None:
            exchange.replayed = True
            headers = {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
            return Answer(kept.status, kept.body, exchange.request_id, kept.headers | headers)
        return await self._execute_once(key, exchange, fault)

    async def _execute_once(self, key: str, exchange: Exchange, fault: Fault | None) -> Answer:
        """Execute under a claimed key; what Stripe would not keep releases the key again."""
        kept = False
        try:
            answer = await self._execute(exchange, fault)
            injected = fault is not None and fault.status is not None
            kept = fault is not None and fault.is_stored if injected else answer.status in {200, 402, 500}
            if kept:
                self.keys.finish(key, answer)
            return answer
        finally:
            if not kept:
                self.keys.release(key)

    async def _execute(self, exchange: Exchange, fault: Fault | None) -> Answer:
        if fault is not None:
            await asyncio.sleep(fault.latency_before)
            if fault.status is not None:
                if fault.executed:
                    self._perform(exchange)
                return self._failed(fault.failure(), exchange, fault.headers())
        try:
            body = _render(self._perform(exchange))
        except StripeFailure as failure:
            return self._failed(failure, exchange)
        return Answer(200, body, exchange.request_id)

    def _perform(self, exchange: Exchange) -> Json:
        route, ids = ROUTER.resolve(exchange.method, exchange.path)
        self.sandbox.clock.tick()
        params = Params(exchange.params)
        call = Call(exchange.method, exchange.path, params, ids)
        cause = Cause(exchange.request_id, exchange.idempotency_key)
        with self.sandbox.acting(cause):
            answer = route.handler(self.sandbox, call)
        with self.sandbox.lock:
            expanded = expand(self.sandbox, answer, params.strings("expand"), INCLUDABLE)
            return present(expanded, exchange.api_version)

    def _failed(self, failure: StripeFailure, exchange: Exchange, headers: Json | None = None) -> Answer:
        body = present(failure.body(exchange.request_id), exchange.api_version)
        return Answer(failure.status, _render(body), exchange.request_id, headers or {})

    def _authenticate(self, headers: dict[str, str]) -> str:
        key = _api_key(headers.get("authorization", ""))
        if key is None:
            message = (
                "You did not provide an API key. You need to provide your API key in the Authorization header, "
                "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
            raise StripeFailure(401, "invalid_request_error", message)
        mode = "live" if self.sandbox.livemode else "test"
        known = key.startswith((f"sk_{mode}_", f"rk_{mode}_"))
        if not known or key in self.revoked_keys:
            shown = f"{key[:8]}{'*' * 12}{key[-4:]}"
            raise StripeFailure(401, "invalid_request_error", f"Invalid API Key provided: {shown}")
        return key

    def _refuse_unknown(self, exchange: Exchange) -> None:
        found = request_violations(exchange.method, exchange.path, exchange.params)
        if found:
            raise invalid(f"Not in Stripe's specification: {'; '.join(found)}", code="parameter_unknown")


def _api_key(authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    if scheme.lower() == "basic":
        return base64.b64decode(credentials).decode().split(":")[0] or None
    return None


def _params(incoming: Incoming) -> Json:
    pairs = parse_qsl(incoming.query, keep_blank_values=True)
    if incoming.headers.get("content-type", "").startswith("application/json"):
        sent: Any = json.loads(incoming.body or b"{}")
        return unflatten(pairs) | dict(sent)
    return unflatten([*pairs, *parse_qsl(incoming.body.decode(), keep_blank_values=True)])


def _fingerprint(incoming: Incoming) -> str:
    params = json.dumps(_params(incoming), sort_keys=True)
    return hashlib.sha256(f"{incoming.method} {incoming.path} {params}".encode()).hexdigest()


def _render(body: Json) -> bytes:
    return json.dumps(body, indent=2, ensure_ascii=False).encode()
