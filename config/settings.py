"""Every setting of the product, and which fit together. docs/configuration.md has the same list in prose."""

from base64 import b64decode
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from config.flower_settings import LOOPBACK, FlowerSettings
from config.forms import Port, split
from config.redis_tls import tls_problem

STRIPE_API = "https://api.stripe.com"

PREFIX = "BILLING_"
_LIVE_KEYS = ("sk_live_", "rk_live_")
_LIVE_RATE, _TEST_RATE = 100, 25  # requests per second: https://docs.stripe.com/rate-limits
_TOKEN_KEYS = ("jwt_secret", "jwt_public_key", "jwt_jwks_url")
_HS256_BYTES = 32  # RFC 7518, section 3.2
_AES256_BYTES = 32
_REQUIRED_IN_PRODUCTION = ("stripe_secret_key", "stripe_webhook_secrets", "database_url", "redis_url")


class SettingsError(Exception):
    """The start is refused. Its text is one line, names every variable at fault and shows no value."""


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Seconds = Annotated[float, Field(gt=0)]
WholeSeconds = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
# An address may hold a password: it never stands in a repr.
DatabaseUrl = Annotated[str, Field(repr=False, pattern=r"^[a-z][a-z0-9+_]*://")]
# The two schemes that kombu and redis-py both understand.
RedisUrl = Annotated[str, Field(repr=False, pattern=r"^rediss?://")]


class Settings(FlowerSettings):
    """What the environment decides. Frozen; its repr shows no secret.

    A field is read from the variable `BILLING_<FIELD>` unless it names its own; see `VARIABLES`.

    Raises:
        SettingsError: the values do not fit the environment or each other.
        pydantic.ValidationError: a value has the wrong form. `load_settings` turns it into a SettingsError.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,  # STRIPE_SECRET_KEY= in a compose file means that it is missing
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    env: Literal["development", "test", "production"] = "development"

    database_url: DatabaseUrl = Field("sqlite:///var/billing.db", validation_alias="DATABASE_URL")
    redis_url: RedisUrl = Field("redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    stripe_secret_key: SecretStr | None = Field(None, validation_alias="STRIPE_SECRET_KEY")
    stripe_webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = Field(
        (), validation_alias="STRIPE_WEBHOOK_SECRET"
    )
    stripe_api_base: str = Field(STRIPE_API, validation_alias="STRIPE_API_BASE", pattern=r"^https?://")
    host: str = "127.0.0.1"  # a proxy that speaks TLS stands before it
    port: Port = Field(8000, validation_alias="PORT")

    signature_tolerance: WholeSeconds = 300  # Stripe's own libraries use the same
    max_body_bytes: Count = 1024 * 1024  # Stripe's largest events stay well below
    accept_timeout: Seconds = 2.0  # an early 503 with Retry-After beats the sender's timeout
    accept_batch: Count = 128
    dedupe_window: WholeSeconds = 7 * 24 * 3600  # Stripe retries for 3 days, a person resends later
    failures_per_minute: Count = 60
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(split)] = (
        ip_network("127.0.0.0/8"),
        ip_network("::1"),
    )

    stall_time: Seconds = 15.0
    sweep_interval: Seconds = 5.0
    sweep_enabled: bool = True
    heartbeat_interval: Seconds = 5.0
    watch_interval: Seconds = 30.0
    metrics_interval: Seconds = 5.0  # what a killed process counted since its last report is lost
    inbox_age_limit: Seconds = 60.0  # several sweeps: whatever still waits then, waits for a person
    visibility_timeout: WholeSeconds = 45
    worker_concurrency: Count = 8
    max_deliveries: Count = 10
    retry_backoff_max: Seconds = 20.0
    # Braces make a hash tag: a Redis Cluster keeps all our keys in one slot, as a script demands.
    queue_prefix: str = Field("{billing}:", pattern=r"\{[^{}]+\}")

    app: str | None = None
    default_price: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]+$")

    # 32 random bytes each, in base64. The first seals what BillingEvents keeps of an event, each opens it.
    event_data_keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = ()
    event_retention: Annotated[int, Field(ge=1, le=36_500)] | None = None  # days; more have no date
    metadata_kept: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)] = ()

    # One of the three checks tokens; without any the API refuses everything.
    jwt_secret: SecretStr | None = None
    jwt_public_key: str | None = None
    jwt_jwks_url: str | None = Field(None, pattern=r"^https?://")
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    user_prices: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)] = ()

    # The operators' console is a process of its own, which does not start without a secret.
    console_port: Port = 8001
    console_secret: SecretStr | None = None
    console_users: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = ()
    console_session: WholeSeconds = 1800

    web_processes: Count = 1
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)] = "INFO"
    traces: bool = False  # where to and how many, OpenTelemetry's own variables say
    public_url: str | None = Field(None, pattern=r"^https?://")
    endpoint_check_interval: Seconds = 3600.0
    gap_interval: Seconds = 300.0
    gap_overlap: Seconds = 3600.0  # Stripe promises no order: an event may be listed after one that is newer
    reconcile_at: str = Field("03:00", pattern=r"^(off|([01]\d|2[0-3]):[0-5]\d)$")
    reconcile_repair: bool = False
    reconcile_settle: Seconds = 5.0
    stripe_timeout: Seconds = 20.0
    stripe_max_retries: int = Field(2, ge=0)
    stripe_rate: Count | None = None
    stripe_circuit_failures: Count = 5
    stripe_circuit_pause: Seconds = 10.0
    command_lease: Seconds = 90.0  # the longest call: its timeout for each attempt, and the waits between

    @property
    def livemode_expected(self) -> bool:
        """The `livemode` that an event must carry to have an effect here."""
        return self.env == "production"

    @property
    def stripe_requests_per_second(self) -> int:
        """What all our processes together may ask of Stripe: its limits by mode, unless set."""
        return self.stripe_rate or (_LIVE_RATE if self.env == "production" else _TEST_RATE)

    def require_closed_flower(self) -> None:
        """Flower calls this before it listens: open it is only to who develops, on the same machine.

        Raises:
            SettingsError: nothing asks who comes.
        """
        if not self.flower_asks_who and (self.env != "development" or self.flower_address != LOOPBACK):
            raise SettingsError(
                "BILLING_FLOWER_BASIC_AUTH or BILLING_FLOWER_OAUTH_PROVIDER is missing: Flower lets in whoever comes, "
                f"which BILLING_ENV={self.env} and BILLING_FLOWER_ADDRESS={self.flower_address} do not allow"
            )

    def require_webhook_secrets(self) -> tuple[SecretStr, ...]:
        """Return the endpoint secrets; a process that accepts webhooks calls this before it listens.

        Raises:
            SettingsError: there is none; in no environment may an endpoint exist that verifies nothing.
        """
        if not self.stripe_webhook_secrets:
            raise SettingsError("STRIPE_WEBHOOK_SECRET is missing: no webhook can be verified without it")
        return self.stripe_webhook_secrets

    @field_validator("stripe_webhook_secrets")
    @classmethod
    def _are_endpoint_secrets(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        # Stripe's verify_header accepts a signature made with an empty secret, which anybody can make.
        for secret in secrets:
            value = secret.get_secret_value()
            if not value.startswith("whsec_") or value == "whsec_":
                raise ValueError("every secret between the commas must be whsec_ and more")
        return secrets

    @field_validator("event_data_keys")
    @classmethod
    def _are_aes_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            try:
                size = len(b64decode(key.get_secret_value(), validate=True))
            except ValueError:
                size = 0
            if size != _AES256_BYTES:
                raise ValueError(f"every key between the commas must be {_AES256_BYTES} bytes in base64")
        return keys

    @model_validator(mode="after")
    def _fits_environment(self) -> Self:
        problems = [*self._limit_problems(), *self._key_problems(), *self._token_problems()]
        if problem := tls_problem(self.redis_url):
            problems.append(f"REDIS_URL {problem}")
        problems += [problem.format_map(VARIABLES) for problem in self.flower_problems()]
        if self.env == "production":
            problems += self._production_problems()
        if problems:
            raise SettingsError("; ".join(problems))
        return self

    def _limit_problems(self) -> Iterator[str]:
        # Measured: a countdown beyond the visibility timeout ran 10 tasks 40 times.
        if self.retry_backoff_max >= self.visibility_timeout / 2:
            yield "BILLING_RETRY_BACKOFF_MAX must be below half of BILLING_VISIBILITY_TIMEOUT"

    def _key_problems(self) -> Iterator[str]:
        if self.stripe_secret_key is None:
            return
        key = self.stripe_secret_key.get_secret_value()
        live = key.startswith(_LIVE_KEYS)
        if self.env == "production" and not live:
            yield "STRIPE_SECRET_KEY is no live key (sk_live_, rk_live_), which BILLING_ENV=production needs"
        if self.env != "production" and live:
            yield f"STRIPE_SECRET_KEY is a live key, which BILLING_ENV={self.env} must not hold"
        if self.env != "production" and not key.startswith(("sk_", "rk_")):
            yield "STRIPE_SECRET_KEY is no key of Stripe's API: they begin with sk_ or rk_"

    def _token_problems(self) -> Iterator[str]:
        keys = [name for name in _TOKEN_KEYS if getattr(self, name)]
        if len(keys) > 1:
            # A token says itself how it is signed: with several kinds of key it could choose the one to confuse.
            yield f"{' and '.join(VARIABLES[name] for name in keys)} exclude each other: set one"
        if self.jwt_secret and len(self.jwt_secret.get_secret_value().encode()) < _HS256_BYTES:
            yield f"BILLING_JWT_SECRET is shorter than {_HS256_BYTES} bytes, which HS256 needs"
        if self.env == "production" and keys:
            # Whatever else the same issuer signs for other services would be good here.
            yield from (
                f"{VARIABLES[name]} is missing beside {VARIABLES[keys[0]]}" for name in self._unchecked_claims()
            )
            if self.jwt_jwks_url and not self.jwt_jwks_url.startswith("https://"):
                yield "BILLING_JWT_JWKS_URL is not https, as BILLING_ENV=production needs"

    def _unchecked_claims(self) -> list[str]:
        return [name for name in ("jwt_issuer", "jwt_audience") if not getattr(self, name)]

    def _production_problems(self) -> Iterator[str]:
        for field in _REQUIRED_IN_PRODUCTION:
            if field not in self.model_fields_set or not getattr(self, field):
                yield f"{VARIABLES[field]} is missing, BILLING_ENV=production has no default for it"
        if "database_url" in self.model_fields_set and self.database_url.startswith("sqlite"):
            yield "DATABASE_URL is SQLite, which is embedded: BILLING_ENV=production needs a server"
        if "fakeredis" in self.redis_url:
            yield "REDIS_URL is fakeredis, which is in memory: BILLING_ENV=production needs a server"
        if self.stripe_api_base.rstrip("/") != STRIPE_API:
            yield f"STRIPE_API_BASE is not {STRIPE_API}, as BILLING_ENV=production needs"


def _variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{name.upper()}"


VARIABLES = {name: _variable(name) for name in Settings.model_fields}
"""Field name to the environment variable, or file in the secrets directory, that sets it."""
