"""Our own signer: it makes what `recipe` says, honest or not.

The Signature is written into the text with two holes; the document is then parsed, the element digested without the
Signature, the digest put in, SignedInfo canonicalised where it stands, and its signature put in. lxml (libxml2) does
the canonicalisation, `keys` the cryptography: nothing here is shared with the gate.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from typing import Callable, Optional

from lxml import etree

from . import keys
from .world import ASSERTION, DSIG, DSIG_2007, DSIG_MORE, ENVELOPED, EXCLUSIVE, PROTOCOL, XENC

DIGEST_HOLE = "@digest@"
VALUE_HOLE = "@value@"

DIGESTS = {
    "md5": DSIG_MORE + "md5",
    "sha1": DSIG + "sha1",
    "sha224": DSIG_MORE + "sha224",
    "sha256": XENC + "sha256",
    "sha384": DSIG_MORE + "sha384",
    "sha512": XENC + "sha512",
}


@dataclass(frozen=True)
class Recipe:
    """What goes into one Signature. The defaults are those of an ordinary identity provider."""

    key: str = "idp-rsa"
    kind: str = "rsa"
    """rsa, rsa-cube-root, pss, ecdsa, ecdsa-der, dsa, hmac"""
    hash: str = "sha256"
    digest: str = "sha256"
    method: Optional[str] = None
    """SignatureMethod's Algorithm, where it is not the one of kind and hash."""
    method_content: str = ""
    digest_method: Optional[str] = None
    canonicalization: str = EXCLUSIVE
    canonicalization_content: str = ""
    uri: Optional[str] = None
    """None: `#` and the ID of the element. The empty text: an empty URI."""
    transforms: Optional[str] = None
    """The Transform elements; None: enveloped-signature and exclusive canonicalisation."""
    prefixes: tuple = ()
    """InclusiveNamespaces of the exclusive transform."""
    with_comments: bool = False
    octets: Optional[Callable] = None
    """What is digested, computed from the lxml element; None: its exclusive canonical form."""
    digest_value: str = DIGEST_HOLE
    reference: Optional[str] = None
    """The whole Reference (or several, or none)."""
    signed_octets: Optional[bytes] = None
    """What is signed; None: the canonical SignedInfo."""
    value: Optional[str] = None
    """A SignatureValue that is not computed."""
    key_info: Optional[str] = "certificate"
    """The content of KeyInfo; `certificate`: the certificate of `key`; None: no KeyInfo."""
    secret: bytes = b""
    """The HMAC key."""
    wrap: int = 0
    """Break base64 after so many characters."""
    extra: str = ""
    """Text after KeyInfo."""
    reference_attributes: str = ""
    signed_info_attributes: str = ""
    signature_attributes: str = ""
    default_namespace: bool = False
    """Write the Signature without a prefix, as Entra ID and ADFS do."""
    salt: Optional[int] = None
    """The length of the PSS salt; None: as long as the hash."""


HONEST = Recipe()


def ecdsa(curve, hash_name="sha256", **more):
    return Recipe(key=f"idp-{curve}", kind="ecdsa", hash=hash_name, digest=hash_name, **more)


def rsa(hash_name="sha256", **more):
    return Recipe(hash=hash_name, digest=hash_name, **more)


def transform(algorithm, content=""):
    if content:
        return f'<ds:Transform Algorithm="{algorithm}">{content}</ds:Transform>'
    return f'<ds:Transform Algorithm="{algorithm}"/>'


def inclusive_namespaces(prefixes):
    return f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{" ".join(prefixes)}"/>'


def canonical(node, prefixes=(), with_comments=False):
    return etree.tostring(
        node,
        method="c14n",
        exclusive=True,
        with_comments=with_comments,
        inclusive_ns_prefixes=list(prefixes) or None,
    )


def canonical_inclusive(node):
    return etree.tostring(node, method="c14n", exclusive=False, with_comments=False)


def parse(text):
    return etree.fromstring(
        text.encode(), etree.XMLParser(strip_cdata=False, huge_tree=True, resolve_entities=False)
    )


def serialized(root):
    return etree.tostring(root, encoding="unicode")


def method_of(recipe):
    if recipe.method is not None:
        return recipe.method
    if recipe.kind == "pss":
        return f"{DSIG_2007}{recipe.hash}-rsa-MGF1"
    if recipe.kind == "hmac":
        return DSIG + "hmac-sha1" if recipe.hash == "sha1" else f"{DSIG_MORE}hmac-{recipe.hash}"
    if recipe.kind == "dsa":
        return (
            DSIG + "dsa-sha1"
            if recipe.hash == "sha1"
            else f"http://www.w3.org/2009/xmldsig11#dsa-{recipe.hash}"
        )
    family = "ecdsa" if recipe.kind.startswith("ecdsa") else "rsa"
    return (
        DSIG + "rsa-sha1"
        if (family, recipe.hash) == ("rsa", "sha1")
        else f"{DSIG_MORE}{family}-{recipe.hash}"
    )


def octets_of_signature(recipe, data):
    match recipe.kind:
        case "rsa":
            return keys.rsa_sign(recipe.key, recipe.hash, data)
        case "rsa-cube-root":
            return keys.cube_root_forgery(recipe.hash, data)
        case "pss":
            return keys.pss_sign(recipe.key, recipe.hash, data, recipe.salt)
        case "ecdsa":
            return keys.ecdsa_sign(recipe.key, recipe.hash, data)
        case "ecdsa-der":
            return keys.ecdsa_sign_der(recipe.key, recipe.hash, data)
        case "dsa":
            return keys.dsa_sign(recipe.key, recipe.hash, data)
        case "hmac":
            return keys.hmac_sign(recipe.secret, recipe.hash, data)
    raise ValueError(recipe.kind)


def base64_text(octets, wrap=0):
    text = base64.b64encode(octets).decode()
    if not wrap:
        return text
    return "\n" + "\n".join(text[i : i + wrap] for i in range(0, len(text), wrap)) + "\n"


def signature_text(recipe, identifier):
    transforms = recipe.transforms
    if transforms is None:
        suffix = "WithComments" if recipe.with_comments else ""
        content = inclusive_namespaces(recipe.prefixes) if recipe.prefixes else ""
        transforms = transform(ENVELOPED) + transform(EXCLUSIVE + suffix, content)
    uri = f"#{identifier}" if recipe.uri is None else recipe.uri
    reference = recipe.reference
    if reference is None:
        reference = (
            f'<ds:Reference URI="{uri}"{recipe.reference_attributes}>'
            + (f"<ds:Transforms>{transforms}</ds:Transforms>" if transforms else "")
            + f'<ds:DigestMethod Algorithm="{recipe.digest_method or DIGESTS[recipe.digest]}"/>'
            f"<ds:DigestValue>{recipe.digest_value}</ds:DigestValue></ds:Reference>"
        )
    key_info = recipe.key_info
    if key_info == "certificate":
        key_info = certificate_info(recipe.key)
    text = (
        f'<ds:Signature xmlns:ds="{DSIG}"{recipe.signature_attributes}>'
        f"<ds:SignedInfo{recipe.signed_info_attributes}>"
        + element("ds:CanonicalizationMethod", recipe.canonicalization, recipe.canonicalization_content)
        + element("ds:SignatureMethod", method_of(recipe), recipe.method_content)
        + f"{reference}</ds:SignedInfo><ds:SignatureValue>{VALUE_HOLE}</ds:SignatureValue>"
        + (f"<ds:KeyInfo>{key_info}</ds:KeyInfo>" if key_info is not None else "")
        + f"{recipe.extra}</ds:Signature>"
    )
    if recipe.default_namespace:
        text = text.replace("<ds:", "<").replace("</ds:", "</").replace("xmlns:ds=", "xmlns=")
    return text


def element(name, algorithm, content):
    if content:
        return f'<{name} Algorithm="{algorithm}">{content}</{name}>'
    return f'<{name} Algorithm="{algorithm}"/>'


def certificate_info(*names):
    return "".join(
        f"<ds:X509Data><ds:X509Certificate>{keys.certificate_base64(name)}</ds:X509Certificate></ds:X509Data>"
        for name in names
    )


def start_of(text, identifier):
    """Where the start tag of the element with that ID begins."""
    return text.rindex("<", 0, text.index(f' ID="{identifier}"'))


def insert_signature(text, identifier, signature, position):
    """Puts the Signature where the schema wants it, after the element's Issuer, or at `position`."""
    if position is None:
        start = start_of(text, identifier)
        end_of_tag = text.index(">", start) + 1
        issuer = re.compile(r"\s*<(?:\w+:)?Issuer[\s>].*?</(?:\w+:)?Issuer>", re.S).match(text, end_of_tag)
        position = issuer.end() if issuer else end_of_tag
    return text[:position] + signature + text[position:]


def sign(text, recipe=HONEST, identifier="_assertion", position=None):
    """The text with a Signature over the element of that ID."""
    text = insert_signature(text, identifier, signature_text(recipe, identifier), position)
    if DIGEST_HOLE in text:
        root = parse(text)
        signature = our_signature(root)
        signed = root if root.get("ID") == identifier else root.find(f".//*[@ID='{identifier}']")
        remove(signature)
        make = recipe.octets or (lambda node: canonical(node, recipe.prefixes, recipe.with_comments))
        digest = hashlib.new(recipe.digest, make(signed)).digest()
        text = text.replace(DIGEST_HOLE, base64_text(digest, recipe.wrap))
    value = recipe.value
    if value is None:
        data = recipe.signed_octets
        if data is None:
            data = canonical_signed_info(text, recipe)
        value = base64_text(octets_of_signature(recipe, data), recipe.wrap)
    return text.replace(VALUE_HOLE, value)


def sign_response(text, recipe=HONEST):
    return sign(text, recipe, "_response")


def sign_both(text, recipe=HONEST):
    """First the assertion, then the response around it."""
    return sign_response(sign(text, recipe), recipe)


def canonical_signed_info(text, recipe):
    """Exclusive canonicalisation asks for nothing outside the Signature, which can so be read alone: some of the
    documents around it make libxml2's canonicalisation fail."""
    exclusive = recipe.canonicalization.startswith(EXCLUSIVE)
    if exclusive:
        hole = text.index(VALUE_HOLE)
        name = "Signature" if recipe.default_namespace else "ds:Signature"
        end = text.index(f"</{name}>", hole) + len(f"</{name}>")
        text = text[text.rindex(f"<{name} ", 0, hole) : end]
    info = our_signature(parse(text)).find(f"{{{DSIG}}}SignedInfo")
    return canonical(info) if exclusive else canonical_inclusive(info)


def our_signature(root):
    for value in root.iter(f"{{{DSIG}}}SignatureValue"):
        if value.text == VALUE_HOLE:
            return value.getparent()
    raise ValueError("the signature is not in the document")


def remove(node):
    """Takes the element out and leaves the text that follows it, as the enveloped-signature transform does."""
    parent, tail = node.getparent(), node.tail or ""
    previous = node.getprevious()
    if previous is not None:
        previous.tail = (previous.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    node.tail = None
    parent.remove(node)


def with_changes(recipe, **changes):
    return replace(recipe, **changes)


NAMESPACES = {"samlp": PROTOCOL, "saml": ASSERTION, "ds": DSIG}
