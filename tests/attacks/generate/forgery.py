"""Messages without a signature, with the wrong one, or changed after it: and keys that the message brings along."""

import base64


from . import keys
from .signer import (
    Recipe,
    certificate_info,
    sign,
    sign_both,
    sign_response,
    with_changes,
)
from .text import MESSAGE, edit, element, message
from .world import ACS, ALICE, DSIG, IDP, OTHER_IDP, SUCCESS, VICTIM, at

FORGED = message((f">{ALICE}</saml:NameID>", f">{VICTIM}</saml:NameID>"))
INVALID = "signature-invalid"
DIGEST = "digest-mismatch"


def add(corpus):
    stripped(corpus)
    tampered(corpus)
    foreign_keys(corpus)
    signature_values(corpus)


def stripped(corpus):
    corpus.group = "signatures missing"
    corpus.refuse("stripped", "The signature is taken out and the name changed.", "signature-missing", FORGED)
    corpus.refuse(
        "stripped-honest",
        "The signature is taken out; nothing else is changed.",
        "signature-missing",
        MESSAGE,
    )
    signed = sign(MESSAGE)
    signature = element(signed, "ds:Signature")
    corpus.refuse(
        "stripped-empty-signature",
        "All that is left of the signature is its tag.",
        "signature-shape",
        edit(signed, signature, f'<ds:Signature xmlns:ds="{DSIG}"/>'),
    )
    corpus.refuse(
        "stripped-in-comment",
        "The signature is put into a comment.",
        "signature-missing",
        edit(signed, signature, f"<!--{signature}-->"),
    )
    corpus.refuse(
        "stripped-as-text",
        "The signature is put into a CDATA section.",
        "signature-missing",
        edit(signed, signature, f"<![CDATA[{signature}]]>"),
    )
    corpus.refuse(
        "stripped-require-response",
        "`require_signed: response`, and only the assertion is signed.",
        "signature-missing-response",
        signed,
        twin="rsa-sha256-response",
        require_signed="response",
    )
    corpus.refuse(
        "stripped-require-assertion",
        "`require_signed: assertion`, and only the response is signed.",
        "signature-missing-assertion",
        sign_response(MESSAGE),
        twin="rsa-sha256-assertion",
        require_signed="assertion",
    )
    corpus.refuse(
        "stripped-require-both-response",
        "`require_signed: both`, and the response is not signed.",
        "signature-missing-response",
        signed,
        twin="rsa-sha256-both",
        require_signed="both",
    )
    corpus.refuse(
        "stripped-require-both-assertion",
        "`require_signed: both`, and the assertion is not signed.",
        "signature-missing-assertion",
        sign_response(MESSAGE),
        twin="rsa-sha256-both",
        require_signed="both",
    )
    corpus.refuse(
        "stripped-require-response-unsigned",
        "`require_signed: response`, and nothing is signed.",
        "signature-missing",
        MESSAGE,
        twin="rsa-sha256-response",
        require_signed="response",
    )


def tampered(corpus):
    corpus.group = "changed after signing"
    signed, response, both = sign(MESSAGE), sign_response(MESSAGE), sign_both(MESSAGE)
    name = f">{ALICE}</saml:NameID>"
    victim = f">{VICTIM}</saml:NameID>"
    corpus.refuse(
        "tampered-nameid",
        "The NameID is changed under the assertion's signature.",
        DIGEST,
        edit(signed, name, victim),
    )
    corpus.refuse(
        "tampered-nameid-response",
        "The NameID is changed under the response's signature.",
        DIGEST,
        edit(response, name, victim),
        twin="rsa-sha256-response",
    )
    corpus.refuse(
        "tampered-nameid-both",
        "The NameID is changed under both signatures.",
        DIGEST,
        edit(both, name, victim),
        twin="rsa-sha256-both",
    )
    corpus.refuse("tampered-attribute", "A group is added.", DIGEST, edit(signed, ">ops<", ">admins<"))
    corpus.refuse(
        "tampered-one-space",
        "One space is added to the text between two elements.",
        DIGEST,
        edit(signed, "<saml:Conditions ", " <saml:Conditions "),
    )
    corpus.refuse(
        "tampered-expiry", "NotOnOrAfter is moved by an hour.", DIGEST, edit(signed, at(300), at(3900))
    )
    corpus.refuse(
        "tampered-recipient",
        "A message for another service is given our address.",
        DIGEST,
        edit(
            sign(edit(MESSAGE, f'Recipient="{ACS}"', 'Recipient="https://other.example.com/acs"')),
            "https://other.example.com/acs",
            ACS,
        ),
    )
    corpus.refuse(
        "tampered-status",
        "A signed failure is turned into success.",
        DIGEST,
        edit(
            sign_response(edit(MESSAGE, SUCCESS, "urn:oasis:names:tc:SAML:2.0:status:Responder")),
            "urn:oasis:names:tc:SAML:2.0:status:Responder",
            SUCCESS,
        ),
        twin="rsa-sha256-response",
    )
    corpus.refuse(
        "tampered-namespace-declaration",
        "A declaration inside makes the prefix xs mean something else.",
        "digest-mismatch",
        edit(
            sign(MESSAGE, Recipe(prefixes=("xs",))),
            'xmlns:xs="http://www.w3.org/2001/XMLSchema"',
            'xmlns:xs="urn:example:evil"',
        ),
        twin="inclusive-namespaces",
    )
    corpus.refuse(
        "tampered-response-of-both",
        "Both are signed; the response is changed, the assertion is not. A signature that is present must verify.",
        DIGEST,
        edit(both, "  <samlp:Status>", "   <samlp:Status>"),
        twin="rsa-sha256-both",
    )
    corpus.refuse(
        "tampered-outer-good-inner-forged",
        "The response's signature is good, the assertion's is the attacker's (an identity provider that signs what it is given).",
        INVALID,
        sign_response(sign(MESSAGE, Recipe(key="evil-rsa"))),
        twin="rsa-sha256-both",
    )
    corpus.refuse(
        "tampered-inner-good-outer-forged",
        "The assertion's signature is good, the response's is the attacker's.",
        INVALID,
        sign_response(sign(MESSAGE), Recipe(key="evil-rsa")),
        twin="rsa-sha256-both",
    )
    digest = element(signed, "ds:DigestValue")
    fresh = element(sign(FORGED), "ds:DigestValue")
    corpus.refuse(
        "tampered-digest-too",
        "NameID and digest are changed together, so that the digest agrees; SignedInfo does not.",
        INVALID,
        edit(edit(signed, name, victim), digest, fresh),
    )
    corpus.refuse(
        "tampered-signature-value",
        "One character of the signature value is changed.",
        INVALID,
        flip(signed, "ds:SignatureValue"),
    )
    corpus.refuse(
        "tampered-signed-info",
        "White space is added to SignedInfo.",
        INVALID,
        edit(signed, "<ds:SignedInfo>", "<ds:SignedInfo> "),
    )
    other = sign(MESSAGE.replace(ALICE, "bob@example.com"))
    corpus.refuse(
        "tampered-signature-of-another",
        "The signature comes from another message of the same identity provider.",
        DIGEST,
        edit(signed, element(signed, "ds:Signature"), element(other, "ds:Signature")),
    )


def flip(text, name):
    """The element with the first character of its value changed."""
    old = element(text, name)
    start = old.index(">") + 1
    return edit(text, old, old[:start] + ("B" if old[start] == "A" else "A") + old[start + 1 :])


def foreign_keys(corpus):
    corpus.group = "keys that the message brings along"
    evil = Recipe(key="evil-rsa")
    corpus.refuse(
        "keyinfo-swapped",
        "The attacker signs and shows a certificate of his own, which has the identity provider's name (CVE-2021-21239, pysaml2).",
        INVALID,
        sign(FORGED, evil),
    )
    corpus.refuse(
        "keyinfo-swapped-response",
        "The same over the response.",
        INVALID,
        sign_response(FORGED, evil),
        twin="rsa-sha256-response",
    )
    corpus.refuse(
        "keyinfo-key-value",
        "The attacker's bare public key stands in KeyValue.",
        INVALID,
        sign(FORGED, with_changes(evil, key_info=keys.rsa_key_value("evil-rsa"))),
    )
    corpus.refuse(
        "keyinfo-both-certificates",
        "The identity provider's certificate comes first, the attacker's second.",
        INVALID,
        sign(FORGED, with_changes(evil, key_info=certificate_info("idp-rsa", "evil-rsa"))),
    )
    corpus.refuse(
        "keyinfo-idp-certificate",
        "The attacker signs and shows the identity provider's certificate.",
        INVALID,
        sign(FORGED, with_changes(evil, key_info=certificate_info("idp-rsa"))),
    )
    corpus.refuse(
        "keyinfo-none-evil",
        "The attacker signs and shows nothing.",
        INVALID,
        sign(FORGED, with_changes(evil, key_info=None)),
    )
    corpus.refuse(
        "keyinfo-retrieval-method",
        "KeyInfo asks to fetch the key from the attacker.",
        INVALID,
        sign(
            FORGED,
            with_changes(
                evil,
                key_info='<ds:RetrievalMethod URI="http://attacker.example/key" Type="http://www.w3.org/2000/09/xmldsig#rawX509Certificate"/>',
            ),
        ),
    )
    corpus.refuse(
        "keyinfo-empty", "KeyInfo is empty.", INVALID, sign(FORGED, with_changes(evil, key_info=""))
    )
    corpus.refuse(
        "keyinfo-ec",
        "The attacker signs with a key on P-256.",
        INVALID,
        sign(FORGED, Recipe(key="evil-p256", kind="ecdsa")),
    )
    corpus.refuse(
        "other-idp",
        "Another identity provider, honest and known to the federation, signs for this one's users.",
        INVALID,
        sign(FORGED, Recipe(key="other-idp-rsa")),
    )
    corpus.refuse(
        "other-idp-own-issuer",
        "Another identity provider's honest message is posted to the sign-in that asked this one (mix-up).",
        INVALID,
        sign(edit(MESSAGE, f">{IDP}<", f">{OTHER_IDP}<", 2), Recipe(key="other-idp-rsa")),
    )
    corpus.refuse(
        "retired-key",
        "A key signs that the identity provider no longer names.",
        INVALID,
        sign(FORGED),
        twin="rollover-key",
        keys=["idp-rsa-next", "idp-p256"],
    )
    corpus.refuse(
        "key-of-other-family",
        "Only ECDSA keys are trusted, and an RSA key signed.",
        INVALID,
        sign(MESSAGE),
        twin="ecdsa-p256-sha256",
        keys=["idp-p256", "idp-p384"],
    )
    corpus.refuse(
        "weak-curve",
        "A key on secp256k1, which is not of the list, stands in the metadata and signed.",
        INVALID,
        sign(FORGED, Recipe(key="idp-secp256k1", kind="ecdsa")),
        twin="ecdsa-p256-sha256",
        keys=["idp-secp256k1", "idp-p256"],
    )
    corpus.refuse(
        "weak-rsa-1024",
        "A 1,024 bit key stands in the metadata and signed. It was skipped when the metadata was read.",
        INVALID,
        sign(FORGED, Recipe(key="idp-rsa-1024")),
        keys=["idp-rsa-1024", "idp-rsa"],
    )


def signature_values(corpus):
    corpus.group = "signature values"
    name = "signature-value"
    cube = Recipe(key="idp-rsa-e3", kind="rsa-cube-root")
    corpus.refuse(
        "rsa-cube-root",
        "The trusted key has exponent 3, and the signature is a cube root with chance behind the digest "
        "(CVE-2006-4339, and again in many libraries).",
        INVALID,
        sign(FORGED, cube),
        twin="rsa-exponent-3",
        keys=["idp-rsa-e3"],
    )
    width = 256
    corpus.refuse(f"{name}-empty", "The signature value is empty.", INVALID, sign(FORGED, Recipe(value="")))
    corpus.refuse(
        f"{name}-zero",
        "The signature is the number zero.",
        INVALID,
        sign(FORGED, Recipe(value=base64.b64encode(bytes(width)).decode())),
    )
    corpus.refuse(
        f"{name}-one",
        "The signature is the number one, which is its own RSA power.",
        INVALID,
        sign(FORGED, Recipe(value=base64.b64encode(bytes(width - 1) + b"\x01").decode())),
    )
    corpus.refuse(
        f"{name}-not-base64",
        "The signature value is no base64.",
        "signature-shape",
        sign(FORGED, Recipe(value="not base64!")),
    )
    corpus.refuse(
        f"{name}-short", "The last octet of a good signature is missing.", INVALID, shortened(sign(MESSAGE))
    )
    corpus.refuse(
        f"{name}-huge",
        "A signature value of 60,000 characters.",
        INVALID,
        sign(FORGED, Recipe(value="QUFB" * 15000)),
    )
    ec = Recipe(key="idp-p256", kind="ecdsa")
    twin = "ecdsa-p256-sha256"
    corpus.refuse(
        "ecdsa-psychic",
        "r and s are zero, which a careless verifier accepts for every message (CVE-2022-21449).",
        INVALID,
        sign(FORGED, with_changes(ec, value=base64.b64encode(bytes(64)).decode())),
        twin=twin,
    )
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    corpus.refuse(
        "ecdsa-order",
        "r and s are the order of the curve, which is zero again.",
        INVALID,
        sign(FORGED, with_changes(ec, value=base64.b64encode(order.to_bytes(32, "big") * 2).decode())),
        twin=twin,
    )
    corpus.refuse(
        "ecdsa-der",
        "The signature is good, but in DER instead of r and s side by side (XML Signature 6.4.3): one message, one spelling.",
        INVALID,
        sign(MESSAGE, with_changes(ec, kind="ecdsa-der")),
        twin=twin,
    )
    r, s, bytes_each = keys.ecdsa_pair("idp-p256", "sha256", b"something else")
    corpus.refuse(
        "ecdsa-other-data",
        "A good signature of the right key over something else.",
        INVALID,
        sign(
            FORGED,
            with_changes(
                ec,
                value=base64.b64encode(
                    r.to_bytes(bytes_each, "big") + s.to_bytes(bytes_each, "big")
                ).decode(),
            ),
        ),
        twin=twin,
    )
    corpus.refuse(
        "ecdsa-named-rsa",
        "An ECDSA signature says that it is RSA.",
        INVALID,
        sign(MESSAGE, with_changes(ec, method="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")),
        twin=twin,
    )
    corpus.refuse(
        "rsa-named-ecdsa",
        "An RSA signature says that it is ECDSA.",
        INVALID,
        sign(MESSAGE, Recipe(method="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")),
    )
    corpus.refuse(
        "rsa-named-other-hash",
        "An RSA signature with SHA-256 says that it is one with SHA-512.",
        INVALID,
        sign(MESSAGE, Recipe(method="http://www.w3.org/2001/04/xmldsig-more#rsa-sha512")),
    )
    corpus.refuse(
        "rsa-named-pss",
        "A signature of PKCS #1 v1.5 says that it is PSS.",
        INVALID,
        sign(MESSAGE, Recipe(method="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1")),
    )
    for length in (0, 20):
        corpus.refuse(
            f"rsa-pss-salt-{length}",
            f"PSS with a salt of {length} octets; this name of the algorithm means one as long as the hash "
            "(RFC 9231, 2.3.10).",
            INVALID,
            sign(MESSAGE, Recipe(kind="pss", salt=length)),
            twin="rsa-pss-sha256",
        )
    corpus.refuse(
        "signature-over-nothing",
        "A good signature of the right key over no octets at all, as a canonicalisation that failed would give them (CVE-2025-66568, ruby-saml).",
        INVALID,
        sign(FORGED, Recipe(signed_octets=b"")),
    )


def shortened(text):
    value = element(text, "ds:SignatureValue")
    start = value.index(">") + 1
    raw = base64.b64decode(value[start : value.index("<", start)])
    return edit(text, value, value[:start] + base64.b64encode(raw[:-1]).decode() + "</ds:SignatureValue>")
