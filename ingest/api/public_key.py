"""The configured public key, and the one algorithm that its kind allows."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from config.settings import SettingsError

PublicKey = RSAPublicKey | EllipticCurvePublicKey

_SHORTEST_RSA_KEY = 2048  # bits; RFC 7518, section 3.3


def read_public_key(setting: str) -> tuple[PublicKey, str]:
    r"""Return the key and its algorithm, RS256 or ES256.

    Args:
        setting: PEM text, with line ends or with `\n` for them as .env files write it; or the path of a PEM file.

    Raises:
        SettingsError: it is not an RSA key of 2048 bits or more, nor an EC key on P-256.
    """
    try:
        key = load_pem_public_key(_pem(setting))
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    match key:
        case RSAPublicKey() if key.key_size >= _SHORTEST_RSA_KEY:
            return key, "RS256"
        case EllipticCurvePublicKey() if isinstance(key.curve, SECP256R1):
            return key, "ES256"
    raise SettingsError(
        "BILLING_JWT_PUBLIC_KEY is neither PEM text nor a PEM file with a public RSA key of 2048 bits or more"
        " or a public EC key on P-256"
    )


def _pem(setting: str) -> bytes:
    if setting.lstrip().startswith("-----BEGIN"):
        return setting.replace("\\n", "\n").encode()
    return Path(setting).read_bytes()
