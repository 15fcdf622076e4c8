import ssl
from pathlib import Path

import pytest

from config.celery import create_celery
from config.redis_tls import broker_tls, without_tls_options
from config.settings import Settings, SettingsError


def test_celery_checks_the_certificate_unless_told_otherwise() -> None:
    with create_celery(Settings(env="test", redis_url="rediss://redis.example.com:6380/1")) as app:
        assert app.conf.broker_use_ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        assert app.conf.broker_url == "rediss://redis.example.com:6380/1"


@pytest.mark.parametrize(
    ("options", "checked", "name_checked"),
    [
        ("", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=required&ssl_check_hostname=true", ssl.CERT_REQUIRED, True),
        ("?ssl_check_hostname=False", ssl.CERT_REQUIRED, False),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE, False),
    ],
)
def test_celery_does_as_redis_py_does(options: str, checked: ssl.VerifyMode, name_checked: bool) -> None:
    expected = {"ssl_cert_reqs": checked, "ssl_check_hostname": name_checked}
    assert broker_tls(f"rediss://redis.example.com/0{options}") == expected


def test_files_go_to_celery_and_leave_its_address(tmp_path: Path) -> None:
    url = f"rediss://:p%40ss@redis.example.com/0?ssl_ca_certs={tmp_path}/ca.pem&protocol=3"
    tls = broker_tls(url)
    assert tls is not None
    assert tls["ssl_ca_certs"] == f"{tmp_path}/ca.pem"
    assert without_tls_options(url) == "rediss://:p%40ss@redis.example.com/0?protocol=3"


def test_plain_redis_has_no_tls() -> None:
    assert broker_tls("redis://127.0.0.1/0") is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://redis.example.com/0?ssl_ca_certs=/etc/hosts", "has options for TLS, and begins with redis://"),
        ("rediss://redis.example.com/0?ssl_ca_cert=/etc/hosts", "has the option ssl_ca_cert; known are"),
        ("rediss://redis.example.com/0?ssl_cert_reqs=CERT_NONE", "has an ssl_cert_reqs that is none of"),
        ("rediss://redis.example.com/0?ssl_ca_certs=/no/such", "names a file in ssl_ca_certs that is not there"),
    ],
)
def test_options_that_would_not_do_what_they_say_stop_the_start(url: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=f"REDIS_URL {problem}") as refused:
        Settings(env="test", redis_url=url)
    assert "example" not in str(refused.value)
