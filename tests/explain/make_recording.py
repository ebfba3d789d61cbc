"""Writes sign-in.har: a sign-in as Chromium records it, with the honest message of the attack corpus in it.

    python3 tests/explain/make_recording.py
"""

import base64
import json
import pathlib
import urllib.parse
import zlib

HERE = pathlib.Path(__file__).parent
RESPONSE = (HERE / "../attacks/cases/rsa-sha256-both.xml").read_bytes()
REQUEST = (
    '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
    'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_request-5f0c3a7b9d2e4186a1b2c3d4e5f60718" Version="2.0" '
    'IssueInstant="2026-01-15T11:59:30Z" Destination="https://idp.example.com/sso" '
    'ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
    'AssertionConsumerServiceURL="https://app.example.com/vestibule/saml/acs">'
    "<saml:Issuer>https://app.example.com/vestibule/saml/metadata</saml:Issuer>"
    '<samlp:NameIDPolicy AllowCreate="true"/></samlp:AuthnRequest>'
)


def deflated(text):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(compressor.compress(text.encode()) + compressor.flush())


def entry(at, method, url, status, body=None):
    request = {"method": method, "url": url, "httpVersion": "HTTP/2", "cookies": [], "headers": []}
    if body is not None:
        kind = "application/x-www-form-urlencoded"
        params = [dict(zip(("name", "value"), pair.split("=", 1))) for pair in body.split("&")]
        request["postData"] = {"mimeType": kind, "text": body, "params": params}
    return {"startedDateTime": at, "time": 12.5, "request": request, "response": {"status": status, "headers": []}}


query = urllib.parse.urlencode({"SAMLRequest": deflated(REQUEST), "RelayState": "k3v1"})
fields = {"SAMLResponse": base64.b64encode(RESPONSE), "RelayState": "k3v1"}
acs = "https://app.example.com/vestibule/saml/acs"
entries = [
    entry("2026-01-15T12:59:29.700+01:00", "GET", "https://app.example.com/report", 302),
    entry("2026-01-15T12:59:29.800+01:00", "GET", "https://app.example.com/vestibule/sign-in?rd=%2Freport", 302),
    entry("2026-01-15T12:59:30.100+01:00", "GET", "https://idp.example.com/sso?" + query, 200),
    entry("2026-01-15T12:59:57.000+01:00", "POST", "https://idp.example.com/login", 200, "user=alice&password=removed"),
    entry("2026-01-15T12:59:59.500+01:00", "POST", acs, 200, urllib.parse.urlencode(fields)),
    entry("2026-01-15T12:59:59.900+01:00", "POST", acs, 303, urllib.parse.urlencode({**fields, "repost": "1"})),
    entry("2026-01-15T13:00:00.000+01:00", "GET", "https://app.example.com/report", 200),
]
log = {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": [], "entries": entries}
(HERE / "sign-in.har").write_text(json.dumps({"log": log}, indent=1) + "\n")
