"""Algorithms that are refused by name, before any cryptography."""

from cryptography.hazmat.primitives.serialization import Encoding

from . import keys
from .forgery import FORGED
from .signer import DIGESTS, Recipe, sign, sign_response
from .text import MESSAGE, edit
from .world import DSIG, DSIG_2007, DSIG_MORE, XENC

ALGORITHM = "signature-algorithm"
DIGEST = "digest-algorithm"
CANONICAL = "signature-canonicalization"


def add(corpus):
    corpus.group = "algorithms: signature"
    corpus.refuse(
        "rsa-sha1",
        "RSA with SHA-1 over a SHA-1 digest, well made by the identity provider.",
        ALGORITHM,
        sign(MESSAGE, Recipe(hash="sha1", digest="sha1")),
    )
    corpus.refuse(
        "rsa-sha1-strong-digest",
        "RSA with SHA-1 over a SHA-256 digest.",
        ALGORITHM,
        sign(MESSAGE, Recipe(hash="sha1")),
    )
    corpus.refuse("rsa-md5", "RSA with MD5.", ALGORITHM, sign(MESSAGE, Recipe(hash="md5", digest="md5")))
    corpus.refuse("rsa-sha224", "RSA with SHA-224.", ALGORITHM, sign(MESSAGE, Recipe(hash="sha224")))
    corpus.refuse(
        "ecdsa-sha1",
        "ECDSA with SHA-1.",
        ALGORITHM,
        sign(MESSAGE, Recipe(key="idp-p256", kind="ecdsa", hash="sha1")),
        twin="ecdsa-p256-sha256",
    )
    corpus.refuse(
        "rsa-pss-sha1",
        "RSASSA-PSS with SHA-1.",
        ALGORITHM,
        sign(MESSAGE, Recipe(kind="pss", hash="sha1")),
        twin="rsa-pss-sha256",
    )
    corpus.refuse(
        "rsa-pss-parameters",
        "RSASSA-PSS whose hash, mask and salt come from parameters in the message.",
        ALGORITHM,
        sign(
            MESSAGE,
            Recipe(
                kind="pss",
                method=DSIG_2007 + "rsa-pss",
                method_content=f'<pss:RSAPSSParams xmlns:pss="{DSIG_2007}"><ds:DigestMethod Algorithm="{XENC}sha256"/></pss:RSAPSSParams>',
            ),
        ),
        twin="rsa-pss-sha256",
    )
    corpus.refuse(
        "dsa-sha1",
        "DSA with SHA-1.",
        ALGORITHM,
        sign(MESSAGE, Recipe(key="idp-dsa", kind="dsa", hash="sha1")),
    )
    corpus.refuse(
        "dsa-sha256",
        "DSA with SHA-256 by a key that stands in the metadata.",
        ALGORITHM,
        sign(MESSAGE, Recipe(key="idp-dsa", kind="dsa")),
    )
    public = keys.public_key_info("idp-rsa")
    secrets = {
        "spki-der": ("the identity provider's public key in DER", public),
        "spki-pem": (
            "the identity provider's public key in PEM",
            keys.public_key_info("idp-rsa", Encoding.PEM),
        ),
        "certificate-der": ("the identity provider's certificate in DER", keys.certificate_der("idp-rsa")),
        "certificate-pem": ("the identity provider's certificate in PEM", keys.certificate_pem("idp-rsa")),
        "empty": ("no octets", b""),
    }
    for name, (words, secret) in secrets.items():
        corpus.refuse(
            f"hmac-{name}",
            f"An HMAC whose key is {words}: public, but a verifier that takes any key for any algorithm agrees.",
            ALGORITHM,
            sign(FORGED, Recipe(kind="hmac", secret=secret)),
        )
    corpus.refuse(
        "hmac-sha1-public-key",
        "HMAC with SHA-1 and the public key.",
        ALGORITHM,
        sign(FORGED, Recipe(kind="hmac", hash="sha1", secret=public)),
    )
    corpus.refuse(
        "hmac-truncated",
        "An HMAC of which only one bit shall count (CVE-2009-0217).",
        ALGORITHM,
        sign(
            FORGED,
            Recipe(kind="hmac", secret=public, method_content="<ds:HMACOutputLength>1</ds:HMACOutputLength>"),
        ),
    )
    for name, method, words in (
        ("none", DSIG_MORE + "none", "ends in `none`"),
        ("empty", "", "is empty"),
        ("unknown", "urn:example:magic", "is unknown"),
        ("case", DSIG_MORE + "RSA-SHA256", "is written in capitals"),
        ("space", " " + DSIG_MORE + "rsa-sha256 ", "has spaces around it"),
        ("digest", XENC + "sha256", "is the one of a digest"),
    ):
        corpus.refuse(
            f"algorithm-{name}",
            f"The name of the signature algorithm {words}.",
            ALGORITHM,
            sign(FORGED, Recipe(method=method)),
        )
    signed = sign(MESSAGE)
    corpus.refuse(
        "algorithm-missing",
        "SignatureMethod names no algorithm.",
        ALGORITHM,
        edit(signed, f' Algorithm="{DSIG_MORE}rsa-sha256"', ""),
    )
    corpus.refuse(
        "algorithm-second-signature-weak",
        "The assertion is signed well, the response with SHA-1.",
        ALGORITHM,
        sign_response(sign(MESSAGE), Recipe(hash="sha1")),
        twin="rsa-sha256-both",
    )
    corpus.refuse(
        "algorithm-first-signature-weak",
        "The assertion is signed with SHA-1, the response around it well.",
        ALGORITHM,
        sign_response(sign(MESSAGE, Recipe(hash="sha1"))),
        twin="rsa-sha256-both",
    )

    corpus.group = "algorithms: digest"
    corpus.refuse(
        "digest-sha1", "A SHA-1 digest under RSA with SHA-256.", DIGEST, sign(MESSAGE, Recipe(digest="sha1"))
    )
    corpus.refuse(
        "digest-md5", "An MD5 digest under RSA with SHA-256.", DIGEST, sign(MESSAGE, Recipe(digest="md5"))
    )
    corpus.refuse("digest-sha224", "A SHA-224 digest.", DIGEST, sign(MESSAGE, Recipe(digest="sha224")))
    for name, method, words in (
        ("none", DSIG_MORE + "none", "ends in `none`"),
        ("unknown", "urn:example:crc32", "is unknown"),
        ("empty", "", "is empty"),
    ):
        corpus.refuse(
            f"digest-{name}",
            f"The name of the digest algorithm {words}.",
            DIGEST,
            (
                sign(MESSAGE, Recipe(digest_method=method or " "))
                if method
                else edit(signed, DIGESTS["sha256"] + '"/><ds:DigestValue', '"/><ds:DigestValue')
            ),
        )
    corpus.refuse(
        "digest-method-missing-name",
        "DigestMethod names no algorithm.",
        DIGEST,
        edit(signed, f' Algorithm="{DIGESTS["sha256"]}"/><ds:DigestValue', "/><ds:DigestValue"),
    )

    corpus.group = "algorithms: canonicalisation of SignedInfo"
    for name, method, words in (
        ("unknown", "urn:example:identity", "unknown"),
        ("none", "", "empty"),
        ("xslt", "http://www.w3.org/TR/1999/REC-xslt-19991116", "XSLT"),
        ("base64", DSIG + "base64", "base64"),
    ):
        corpus.refuse(
            f"canonicalization-{name}",
            f"SignedInfo is to be canonicalised by a method that is {words}.",
            CANONICAL,
            edit(
                signed,
                '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
                f'<ds:CanonicalizationMethod Algorithm="{method}"',
            ),
        )
    corpus.refuse(
        "canonicalization-missing-name",
        "CanonicalizationMethod names no algorithm.",
        CANONICAL,
        edit(
            signed,
            '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
            "<ds:CanonicalizationMethod",
        ),
    )
    corpus.refuse(
        "canonicalization-child",
        "CanonicalizationMethod holds an unknown element.",
        CANONICAL,
        sign(MESSAGE, Recipe(canonicalization_content='<v:x xmlns:v="urn:example:vendor"/>')),
    )
