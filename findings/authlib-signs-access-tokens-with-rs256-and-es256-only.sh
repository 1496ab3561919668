#!/usr/bin/env bash
# expected: Authlib's generator of JWT access tokens (RFC 9068) signs with the asymmetric algorithm that its parameter `alg` names.
# actual: RS256 and ES256 work. ES384, PS256, Ed25519 and EdDSA raise UnsupportedAlgorithmError ("not recommended"), although the key matches the
# algorithm: the generator relies on joserfc's defaults and has no parameter that allows more algorithms.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --only-binary=:all: authlib==1.9.10 joserfc==1.8.0 cryptography==50.0.2
cat >issue.py <<'PY'
import warnings
from importlib.metadata import version

from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

warnings.simplefilter("ignore")


class Client(ClientMixin):
    def get_client_id(self):
        return "job"


def signs(algorithm, key):
    class Generator(JWTBearerTokenGenerator):
        def get_jwks(self):
            return KeySet([key])

    generator = Generator("https://issuer.example", alg=algorithm)
    try:
        generator.access_token_generator(Client(), "client_credentials", None, "scope")
    except UnsupportedAlgorithmError:
        return False
    return True


rsa, ed25519 = RSAKey.generate_key(2048), OKPKey.generate_key("Ed25519")
cases = [
    ("RS256", rsa, True),
    ("ES256", ECKey.generate_key("P-256"), True),
    ("ES384", ECKey.generate_key("P-384"), False),
    ("PS256", rsa, False),
    ("Ed25519", ed25519, False),
    ("EdDSA", ed25519, False),
]
for algorithm, key, expected in cases:
    found = signs(algorithm, key)
    print(f"authlib {version('authlib')}, joserfc {version('joserfc')}: {algorithm}: signs {found}")
    assert found == expected, algorithm
PY
python/bin/python issue.py
