"""Signers that none of us wrote: signxml (Python) and libxmlsec1 (C). Their output is the corpus' proof that honest
identity providers get in; libxmlsec1 also checks every accepted message of our own signer."""

import signxml
import xmlsec
from lxml import etree

from . import keys
from .signer import parse, serialized
from .world import DSIG, EXCLUSIVE


def signed_by_signxml(text, identifier="_assertion", key="idp-rsa", algorithm="rsa-sha256", digest="sha256"):
    root = parse(text)
    place = etree.Element(f"{{{DSIG}}}Signature", nsmap={"ds": DSIG}, Id="placeholder")
    insert_after_issuer(find(root, identifier), place)
    signer = signxml.XMLSigner(
        method=signxml.methods.enveloped,
        signature_algorithm=algorithm,
        digest_algorithm=digest,
        c14n_algorithm=EXCLUSIVE,
    )
    signed = signer.sign(
        root, key=keys.private_pem(key), cert=keys.certificate_pem(key).decode(), reference_uri=identifier
    )
    return serialized(signed)


def signed_by_xmlsec(text, identifier="_assertion", key="idp-rsa", algorithm="RSA_SHA256", digest="SHA256"):
    root = parse(text)
    node = find(root, identifier)
    signature = xmlsec.template.create(
        node, xmlsec.Transform.EXCL_C14N, getattr(xmlsec.Transform, algorithm), ns="ds"
    )
    insert_after_issuer(node, signature)
    reference = xmlsec.template.add_reference(
        signature, getattr(xmlsec.Transform, digest), uri=f"#{identifier}"
    )
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    info = xmlsec.template.ensure_key_info(signature)
    xmlsec.template.add_x509_data(info)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(keys.private_pem(key), xmlsec.KeyFormat.PEM)
    context.key.load_cert_from_memory(keys.certificate_pem(key), xmlsec.KeyFormat.PEM)
    xmlsec.tree.add_ids(root, ["ID"])
    context.sign(signature)
    return serialized(root)


def check(document, certificates):
    """Every signature of an accepted message must verify with one of the keys for libxmlsec1 too."""
    root = etree.fromstring(document)
    signatures = [
        node
        for node in root.iter(f"{{{DSIG}}}Signature")
        if node.getparent().tag.endswith(("}Response", "}Assertion"))
    ]
    if not signatures:
        raise ValueError("not signed")
    xmlsec.tree.add_ids(root, ["ID"])
    for signature in signatures:
        if not any(verifies(signature, name) for name in certificates):
            raise ValueError("libxmlsec1 does not verify it")


def verifies(signature, certificate):
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(keys.certificate_pem(certificate), xmlsec.KeyFormat.CERT_PEM)
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def find(root, identifier):
    return root if root.get("ID") == identifier else root.find(f".//*[@ID='{identifier}']")


def insert_after_issuer(node, signature):
    """After Issuer, and before the white space that follows it."""
    issuer = node[0]
    signature.tail, issuer.tail = issuer.tail, None
    issuer.addnext(signature)
    if issuer.tail and not signature.tail:
        signature.tail, issuer.tail = issuer.tail, None
