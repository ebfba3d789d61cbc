"""A small identity provider on pysaml2, for the tests.

    idp.py SETTINGS.json        (written by tests/counterparts/idps/pysaml2.rs)
"""

import html
import json
import re
import secrets
import sys
from functools import partial
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import saml2.entity
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.saml import NAME_FORMAT_URI, NAMEID_FORMAT_EMAILADDRESS, NameID
from saml2.server import Server
from saml2.sigver import pre_encryption_part

settings = json.load(open(sys.argv[1]))
BASE = settings["base"]
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
AES256 = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"


def configuration():
    folder = settings["folder"]
    both = [(f"{BASE}/{{}}/redirect", BINDING_HTTP_REDIRECT), (f"{BASE}/{{}}/post", BINDING_HTTP_POST)]
    config = {
        "entityid": f"{BASE}/metadata",
        "key_file": f"{folder}/{settings['key']}.key",
        "cert_file": f"{folder}/{settings['key']}.crt",
        "additional_cert_files": [f"{folder}/{name}.crt" for name in settings["announced"]],
        "metadata": {"local": settings["registered"]} if settings["registered"] else {},
        "accepted_time_diff": 60,
        "service": {
            "idp": {
                "endpoints": {
                    "single_sign_on_service": [(url.format("sso"), binding) for url, binding in both],
                    "single_logout_service": [(url.format("slo"), binding) for url, binding in both],
                },
                # Left alone, it signs with SHA-1.
                "signing_algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
                "digest_algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
                "want_authn_requests_signed": True,
                "sign_assertion": True,
                "sign_response": True,
                "encrypt_assertion": settings["encrypt"],
                "name_id_format": [NAMEID_FORMAT_EMAILADDRESS],
                "policy": {
                    "default": {
                        "lifetime": {"minutes": 15},
                        "attribute_restrictions": None,
                        "name_form": NAME_FORMAT_URI,
                    }
                },
            }
        },
    }
    return IdPConfig().load(config)


server = Server(config=configuration())
# Left alone, it encrypts with Triple DES.
saml2.entity.pre_encryption_part = partial(pre_encryption_part, msg_enc=AES256)
server.sec.encrypt_assertion = partial(server.sec.encrypt_assertion, key_type="aes-256")

signed_in = {}
"""Sessions of browsers, by the cookie's value: the login, the person's NameID, and the session index of the last assertion."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer({name: values[0] for name, values in parse_qs(body).items()})

    def answer(self, fields):
        path = urlsplit(self.path).path
        try:
            match path.split("/")[1:]:
                case ["metadata"]:
                    self.send(200, server_metadata(), content_type="application/samlmetadata+xml")
                case ["sso", kind]:
                    self.sign_on(kind, fields)
                case ["login"]:
                    self.login(fields)
                case ["slo", kind]:
                    self.logout(kind, fields)
                case ["sign-out"]:
                    self.sign_out()
                case _:
                    self.send(404, "nothing here")
        except Exception as problem:
            self.log_message("refused: %r", problem)
            self.send(400, html.escape(f"refused: {problem!r}"))

    def sign_on(self, kind, fields):
        request = read(server.parse_authn_request, kind, fields, "SAMLRequest").message
        if self.session() is None:
            asked = html.escape(json.dumps({"kind": kind, "fields": fields}))
            form = f'<input type="hidden" name="asked" value="{asked}">'
            form += '<input name="user"><input name="password" type="password"><button>Sign in</button>'
            return self.send(200, f'<form method="post" action="{BASE}/login">{form}</form>')
        login, name_id, _ = self.session()
        # The answer goes where the metadata says, whatever the request asks for.
        args = server.response_args(request, bindings=[BINDING_HTTP_POST])
        binding, destination = args.pop("binding"), args.pop("destination")
        args.pop("name_id_policy", None)
        answer = server.create_authn_response(
            settings["people"][login]["attributes"],
            destination=destination,
            name_id=name_id,
            authn={"class_ref": PASSWORD, "authn_instant": None},
            **args,
        )
        # A logout names the session as the assertion does; of an encrypted one it is not known.
        if found := re.search('SessionIndex="([^"]*)"', str(answer)):
            signed_in[self.cookie()] = (login, name_id, found[1])
        self.carry(binding, answer, destination, fields.get("RelayState", ""), response=True)

    def login(self, fields):
        login = fields.get("user")
        if login not in settings["people"] or fields.get("password") != settings["password"]:
            return self.send(403, "wrong name or password")
        asked = json.loads(fields["asked"])
        cookie = secrets.token_hex()
        name_id = NameID(format=NAMEID_FORMAT_EMAILADDRESS, text=settings["people"][login]["name_id"])
        signed_in[cookie] = (login, name_id, None)
        self.set_cookie = f"idp-session={cookie}; Path=/; HttpOnly"
        del self.headers["Cookie"]
        self.headers["Cookie"] = f"idp-session={cookie}"
        self.sign_on(asked["kind"], asked["fields"])

    def logout(self, kind, fields):
        if "SAMLResponse" in fields:
            server.parse_logout_request_response(fields["SAMLResponse"], binding(kind))
            return self.send(200, "signed out everywhere")
        request = read(server.parse_logout_request, kind, fields, "SAMLRequest").message
        ended = {index.text for index in request.session_index}
        for cookie, (_, name_id, index) in list(signed_in.items()):
            if name_id.text == request.name_id.text and (not ended or index in ended):
                del signed_in[cookie]
        args = server.response_args(request, bindings=[BINDING_HTTP_REDIRECT, BINDING_HTTP_POST])
        answer = server.create_logout_response(request, bindings=[args["binding"]], sign=args["binding"] == BINDING_HTTP_POST)
        self.carry(args["binding"], answer, args["destination"], fields.get("RelayState", ""), response=True)

    def sign_out(self):
        _, name_id, index = signed_in.pop(self.cookie())
        (entity,) = server.metadata.with_descriptor("spsso")
        services = server.metadata.single_logout_service(entity, BINDING_HTTP_REDIRECT, "spsso")
        destination = services[0].get("response_location") or services[0]["location"]
        request_id, request = server.create_logout_request(
            destination, entity, name_id=name_id, session_indexes=[index], sign=False
        )
        self.carry(BINDING_HTTP_REDIRECT, request, destination, "", response=False)

    def carry(self, binding, message, destination, relay_state, response):
        http = server.apply_binding(
            binding, str(message), destination, relay_state, response=response, sign=True
        )
        if binding == BINDING_HTTP_POST:
            return self.send(200, http["data"])
        self.send(302, "", location=dict(http["headers"])["Location"])

    def session(self):
        return signed_in.get(self.cookie())

    def cookie(self):
        cookies = SimpleCookie(self.headers["Cookie"])
        return cookies["idp-session"].value if "idp-session" in cookies else None

    set_cookie = None

    def send(self, status, text, location=None, content_type="text/html; charset=utf-8"):
        body = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        if self.set_cookie:
            self.send_header("Set-Cookie", self.set_cookie)
        self.end_headers()
        self.wfile.write(body)


def binding(kind):
    return BINDING_HTTP_POST if kind == "post" else BINDING_HTTP_REDIRECT


def read(parse, kind, fields, name):
    """Parses a request; the signature of a redirect stands beside it."""
    beside = {}
    if kind == "redirect":
        beside = {
            "relay_state": fields.get("RelayState"),
            "sigalg": fields.get("SigAlg"),
            "signature": fields.get("Signature"),
        }
    return parse(fields[name], binding(kind), **beside)


def server_metadata():
    from saml2.metadata import entity_descriptor

    return str(entity_descriptor(server.config))


HTTPServer(("127.0.0.1", settings["port"]), Handler).serve_forever()
