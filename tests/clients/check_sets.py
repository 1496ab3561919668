"""Decides on security event tokens according to the specifications, with PyJWT for the signatures: a second reader beside `entragate feed --ssf`.

Usage: .tools/clients/bin/python tests/clients/check_sets.py <REQUEST

The request is JSON: `issuer`, `audience`, `jwks`, `now`, `objects` (the object of each account that has another name), and `sets` (a text for each
`jti`). The answer has for each `jti` either {"error": a code of RFC 8935} or {"revokes": [[member of the feed, id, time or null], ...]}.
"""

import base64
import json
import math
import re
import sys

import jwt

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
SCHEMAS = "https://schemas.openid.net/secevent/"
ENDS_TOKENS = {
    "caep/event-type/session-revoked",
    "caep/event-type/token-claims-change",
    "risc/event-type/sessions-revoked",
    "risc/event-type/account-credential-change-required",
    "risc/event-type/credential-compromise",
}
# The member that decides whether access ends, the value with which it does not end, and whether the member is required.
CONDITIONAL = {
    "caep/event-type/credential-change": ("change_type", "create", True),
    "caep/event-type/assurance-level-change": ("change_direction", "increase", False),
    "caep/event-type/device-compliance-change": ("current_status", "compliant", True),
}
ACCOUNT = {"risc/event-type/account-disabled", "risc/event-type/account-purged", "risc/event-type/account-enabled"}
WITHOUT_EFFECT = {
    "caep/event-type/session-established",
    "caep/event-type/risk-level-change",
    "risc/event-type/identifier-changed",
    "risc/event-type/recovery-activated",
    "ssf/event-type/verification",
}
# The texts that each subject identifier format requires (RFC 9493 §3.2, SSF 1.0 §3.5).
FORMATS = {
    "opaque": ["id"],
    "iss_sub": ["iss", "sub"],
    "email": ["email"],
    "phone_number": ["phone_number"],
    "account": ["uri"],
    "uri": ["uri"],
    "did": ["url"],
    "jwt_id": ["iss", "jti"],
}


class Rejected(Exception):
    """The argument is the code."""


def require(condition, code="invalid_request"):
    if not condition:
        raise Rejected(code)


def unique(pairs):
    members = dict(pairs)
    require(len(members) == len(pairs))
    return members


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_text(value):
    return isinstance(value, str) and 0 < len(value.encode()) <= 1024


def segment(text):
    """RFC 7515 §2: base64url without padding, line breaks, white space or further characters."""
    require(re.fullmatch("[A-Za-z0-9_-]*", text) and len(text) % 4 != 1)
    value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require(base64.urlsafe_b64encode(value).decode().rstrip("=") == text)
    return value


def json_segment(text):
    try:
        value = json.loads(segment(text).decode("utf-8"), object_pairs_hook=unique, parse_constant=lambda _: require(False))
    except ValueError:
        raise Rejected("invalid_request") from None
    require(isinstance(value, dict))
    return value


class Reader:
    def __init__(self, request):
        self.request = request
        self.keys = [(own.get("kid"), jwt.PyJWK(own)) for own in request["jwks"]["keys"]]

    def decide(self, jti, text):
        try:
            return {"revokes": sorted(self.revokes(jti, text), key=str)}
        except Rejected as error:
            return {"error": error.args[0]}

    def revokes(self, jti, text):
        parts = text.split(".")
        require(len(parts) == 3)
        header, claims = json_segment(parts[0]), json_segment(parts[1])
        require(segment(parts[2]))
        require(header.get("alg") in ALGORITHMS and "crit" not in header)
        kind = header.get("typ")
        require(isinstance(kind, str) and kind.lower().removeprefix("application/") == "secevent+jwt")
        require(claims.get("iss") == self.request["issuer"], "invalid_issuer")
        audience = claims.get("aud")
        require(self.request["audience"] in (audience if isinstance(audience, list) else [audience]), "invalid_audience")
        self.authenticate(text, header)
        require(claims.get("jti") == jti)
        # SSF 1.0 §4.1: claims that only other kinds of tokens have.
        require("exp" not in claims and "sub" not in claims)
        issued = claims.get("iat")
        require(is_number(issued) and 0 <= issued <= self.request["now"] + 300)
        happened = claims.get("toe", issued)
        require(is_number(happened) and happened >= 0)
        events = claims.get("events")
        require(isinstance(events, dict) and events)
        found = []
        for uri, payload in events.items():
            found += self.event(uri, payload, claims.get("sub_id"), happened)
        return found

    def authenticate(self, text, header):
        kid, algorithm = header.get("kid"), header["alg"]
        fitting = [key for own, key in self.keys if (kid is None or own == kid) and key.algorithm_name == algorithm]
        require(fitting, "invalid_key")
        for key in fitting:
            try:
                jwt.PyJWS().decode_complete(text, key.key, [algorithm])
                return
            except jwt.InvalidTokenError:
                pass
        raise Rejected("authentication_failed")

    def event(self, uri, payload, subject, happened):
        require(isinstance(payload, dict))
        kind = uri.removeprefix(SCHEMAS)
        ends_tokens = kind in ENDS_TOKENS
        if kind in CONDITIONAL:
            name, harmless, is_required = CONDITIONAL[kind]
            value = payload.get(name)
            require(isinstance(value, str) or (value is None and name not in payload and not is_required))
            ends_tokens = value != harmless
        elif kind not in ENDS_TOKENS | ACCOUNT | WITHOUT_EFFECT:
            return []
        time = payload.get("event_timestamp", happened)
        require(is_number(time) and time >= 0)
        if not ends_tokens and kind not in ACCOUNT:
            return []
        user, session, tokens, is_vague = self.subject(subject if subject is not None else payload.get("subject"))
        objects = [own for own in map(self.object, user) if own]
        if kind == "risc/event-type/account-enabled":
            return []
        if kind in ACCOUNT:
            return [["oids", own, None] for own in objects]
        found = [["tokens", own, None] for own in tokens]
        sessions = session
        # The subject's session is revoked, so an opaque identifier may be the id of the session.
        if kind == "caep/event-type/session-revoked" and is_vague == "opaque":
            sessions = [name for _, name in user]
        found += [["sessions", own, None] for own in sessions]
        if not found or is_vague:
            found += [["not_before", own, math.ceil(time)] for own in objects]
        return found

    def object(self, principal):
        is_object, name = principal
        return self.request["objects"].get(name, name if is_object else None)

    def subject(self, value):
        """The accounts, the sessions, the tokens, and the reason, if any, why tokens may name the subject differently."""
        require(isinstance(value, dict))
        kind = value.get("format")
        require(kind is None or isinstance(kind, str))
        if kind == "aliases":
            identifiers = value.get("identifiers")
            require(isinstance(identifiers, list) and identifiers)
            parts = [self.simple(own) for own in identifiers]
            return sum((own[0] for own in parts), []), [], sum((own[1] for own in parts), []), None
        if kind not in ("complex", None):
            accounts, tokens = self.simple(value)
            return accounts, [], tokens, "opaque" if kind == "opaque" else None
        accounts, sessions, all_tokens, is_vague = [], [], [], None
        members = {name: part for name, part in value.items() if name != "format"}
        require(members)
        for name, part in members.items():
            own, _, tokens, form = self.subject(part)
            all_tokens += tokens
            if name == "user":
                accounts += own
            if name == "session":
                sessions += [text for is_object, text in own if is_object]
                is_vague = None if form == "opaque" else "session"
        return accounts, sessions, all_tokens, is_vague

    def simple(self, value):
        require(isinstance(value, dict) and isinstance(value.get("format"), str))
        kind = value["format"]
        require(kind not in ("aliases", "complex"))
        texts = [value.get(name) for name in FORMATS.get(kind, [])]
        require(all(map(is_text, texts)))
        if kind == "jwt_id":
            return [], [texts[1]]
        if kind == "iss_sub":
            own = texts[0] == self.request["issuer"]
            return [(own, texts[1] if own else " ".join(texts))], []
        if kind == "email":
            return [(False, texts[0].lower())], []
        return [(kind == "opaque", texts[0])] if texts else [], []


def main():
    request = json.load(sys.stdin)
    reader = Reader(request)
    json.dump({jti: reader.decide(jti, text) for jti, text in request["sets"].items()}, sys.stdout)


main()
