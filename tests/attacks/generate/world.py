"""The one scene in which every case plays. tests/attacks/scene.rs holds the same values.

Alice signs in. The gate asked at 11:59:30, the identity provider answered at 11:59:58, it is now 12:00:00 and the
clocks may differ by one minute. Every time in `message.xml` is different, so that an edit hits what it means.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEYS = HERE.parent / "keys"
CASES = HERE.parent / "cases"

IDP = "https://idp.example.com/metadata"
OTHER_IDP = "https://other-idp.example.net/metadata"
SP = "https://app.example.com/vestibule/saml/metadata"
ACS = "https://app.example.com/vestibule/saml/acs"
REQUEST = "_request-5f0c3a7b9d2e4186a1b2c3d4e5f60718"

NOW = datetime(2026, 1, 15, 12, 0, 0, tzinfo=timezone.utc)
REQUESTED_AT = NOW - timedelta(seconds=30)
SKEW = timedelta(seconds=60)

ALICE = "alice@example.com"
VICTIM = "admin@example.com"
"""Whom the attacker, who may sign in as alice, wants to be."""

PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
DSIG_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
DSIG_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = DSIG + "enveloped-signature"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH_FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"


def at(seconds):
    """The moment so many seconds after now, as SAML writes it."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
