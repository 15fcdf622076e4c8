import pytest

from billing_core.doctor.encryption import examine_encryption
from config.settings import Settings

HERE = "it does not leave this machine"
GOOD = "encrypted, the other end's certificate is checked"
PLAIN = "it is plain text, over the network"
UNCHECKED = "it is encrypted, and anybody may be at the other end, over the network"
POSTGRES = "postgresql://u:p@db.example.com/b"
MSSQL = "mssql+pyodbc://u:p@db.example.com/b"
CONNECT = "mssql+pyodbc://?odbc_connect=Driver%3D18;Server%3Dtcp:db.example.com,1433;Encrypt%3D"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://127.0.0.1/0", HERE),
        ("redis://localhost/0", HERE),
        ("redis://[::1]/0", HERE),
        ("redis://10.0.0.5/0", PLAIN),
        ("rediss://redis.example.com/0", GOOD),
        ("rediss://redis.example.com/0?ssl_cert_reqs=none", UNCHECKED),
        ("rediss://redis.example.com/0?ssl_check_hostname=false", UNCHECKED),
    ],
)
def test_way_to_redis(url: str, found: str) -> None:
    finding, _ = examine_encryption(Settings(env="test", redis_url=url))
    assert (finding.found, finding.level) == (found, "ok" if found in {HERE, GOOD} else "warn")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("sqlite:///var/billing.db", HERE),
        ("postgresql://u@127.0.0.1/b", HERE),
        ("postgresql:///b?host=/run/postgresql", HERE),
        (POSTGRES, "it may be plain text, over the network"),
        ("postgresql:///b?host=db.example.com", "it may be plain text, over the network"),
        (f"{POSTGRES}?sslmode=require", UNCHECKED),
        (f"{POSTGRES}?sslmode=verify-full", GOOD),
        (MSSQL, GOOD),
        (f"{MSSQL}?Encrypt=no", PLAIN),
        (f"{MSSQL}?TrustServerCertificate=Yes", UNCHECKED),
        (f"{CONNECT}yes", GOOD),
        (f"{CONNECT}no", PLAIN),
    ],
)
def test_way_to_the_database(url: str, found: str) -> None:
    _, finding = examine_encryption(Settings(env="test", database_url=url))
    assert (finding.found, finding.level) == (found, "ok" if found in {HERE, GOOD} else "warn")
