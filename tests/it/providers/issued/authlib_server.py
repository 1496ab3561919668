"""Issues JWT access tokens (RFC 9068) with Authlib and Flask, and prints a fixture for tests/it/providers/issued."""

import json
import logging
import time
from importlib.metadata import version

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask
from joserfc.jwk import KeySet

ISSUER = "https://authlib.contoso.com"
AUDIENCE = "https://hf.contoso.com"
SCOPE = "models:query"
SECRET = "only-in-this-process"


class Client(ClientMixin):
    def __init__(self, client_id, grant_type):
        self.client_id, self.grant_type = client_id, grant_type

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return scope

    def check_client_secret(self, secret):
        return secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type):
        return grant_type == self.grant_type


class Person:
    def get_user_id(self):
        return "248289761001"


class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):
    def authenticate_user(self, username, password):
        return Person()


class Tokens(JWTBearerTokenGenerator):
    """Authlib's generator with the optional claims of RFC 9068: acr, amr and auth_time, and groups and roles as in SCIM."""

    def __init__(self, keys, **options):
        super().__init__(ISSUER, **options)
        self.keys = keys

    def get_jwks(self):
        return self.keys

    def get_audiences(self, client, user, scope):
        return [client.get_client_id(), AUDIENCE]

    def get_extra_claims(self, client, grant_type, user, scope):
        return {"roles": ["ml-user"], "groups": ["ml"]} if user else {"roles": ["ml-job"]}

    def get_acr(self, user):
        return "urn:mace:incommon:iap:silver" if user else None

    def get_amr(self, user):
        return ["pwd", "otp"] if user else None

    def get_auth_time(self, user):
        return int(time.time()) - 60 if user else None


def server(algorithm, keys):
    clients = [Client("nightly-job", "client_credentials"), Client("notebook", "password")]
    app = Flask(__name__)
    oauth = AuthorizationServer(
        app,
        query_client=lambda client_id: next(client for client in clients if client.client_id == client_id),
        save_token=lambda token, request: None,
    )
    oauth.register_grant(grants.ClientCredentialsGrant)
    oauth.register_grant(PasswordGrant)
    oauth.register_token_generator("default", Tokens(keys, alg=algorithm))
    app.add_url_rule("/token", view_func=oauth.create_token_response, methods=["POST"])
    return app


def request(app, client, **form):
    response = app.test_client().post("/token", base_url=ISSUER, auth=(client, SECRET), data={"scope": SCOPE, **form})
    assert response.status_code == 200, response.text
    return response.json["access_token"]


def issued(algorithm, keys):
    app = server(algorithm, keys)
    shared = {"algorithm": algorithm, "audience": AUDIENCE}
    machine = {"object": "nightly-job", "client": "nightly-job", "kind": "app", "role": "ml-job", "scope": SCOPE}
    person = {"object": "248289761001", "client": "notebook", "kind": "user", "role": "ml-user", "group": "ml", "scope": SCOPE}
    yield {**shared, "token": request(app, "nightly-job", grant_type="client_credentials"), "caller": machine}
    form = {"grant_type": "password", "username": "ada", "password": "irrelevant"}
    yield {**shared, "token": request(app, "notebook", **form), "caller": person}


def main():
    logging.disable()
    kinds = {"RS256": ("RSA", 2048), "ES256": ("EC", "P-256")}
    keys = {algorithm: KeySet.generate_key_set(*kind, count=1) for algorithm, kind in kinds.items()}
    discovery = AuthorizationServerMetadata(
        issuer=ISSUER,
        token_endpoint=f"{ISSUER}/token",
        jwks_uri=f"{ISSUER}/jwks",
        response_types_supported=["token"],
        scopes_supported=[SCOPE],
    )
    discovery.validate_issuer()
    discovery.validate_jwks_uri()
    issued_at = int(time.time())
    fixture = {
        "implementation": "Authlib",
        "version": version("authlib"),
        "issued_at": issued_at,
        "issuer": ISSUER,
        "discovery": discovery,
        "jwks": {"keys": [key for set in keys.values() for key in set.as_dict(private=False)["keys"]]},
        "tokens": [token for algorithm in kinds for token in issued(algorithm, keys[algorithm])],
    }
    print(json.dumps(fixture, indent=2))


main()
