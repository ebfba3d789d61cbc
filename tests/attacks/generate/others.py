"""Signers that none of us wrote: signxml (Python) and libxmlsec1 (C). Their output is the corpus' proof that honest
identity providers get in; libxmlsec1 also checks every accepted message of our own signer."""

import copy

import signxml
import xmlsec
from lxml import etree

from . import keys
from .signer import parse, serialized
from .world import ASSERTION, DSIG, EXCLUSIVE, XENC


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


def check(document, certificates, ours=()):
    """Every signature of an accepted message must verify with one of the keys for libxmlsec1 too; what is encrypted
    must open with one of ours, and what was in it must be signed well."""
    root = etree.fromstring(document)
    seen = signatures_of(root)
    verify(root, seen, certificates)
    while ours and (data := root.find(f".//{{{XENC}}}EncryptedData")) is not None:
        root, plain = open_one(data, ours)
        # What was opened inside of a signed part has changed that part; only what was hidden is new.
        hidden = signatures_of(plain)
        verify(root, hidden, certificates)
        seen += hidden
    if not seen:
        raise ValueError("not signed")


def signatures_of(root):
    return [
        node
        for node in root.iter(f"{{{DSIG}}}Signature")
        if node.getparent().tag.endswith(("}Response", "}Assertion"))
    ]


def verify(root, signatures, certificates):
    xmlsec.tree.add_ids(root, ["ID"])
    for signature in signatures:
        if not any(verifies(signature, name) for name in certificates):
            raise ValueError("libxmlsec1 does not verify it")


def open_one(data, ours):
    """A copy of the document with the plaintext in the place of EncryptedData, and the plaintext. It stays inside of
    the element around it: moved, lxml would give it other prefixes. libxmlsec1 looks for keys in KeyInfo only."""
    place = data.getparent()
    info = data.find(f"{{{DSIG}}}KeyInfo")
    if info is None:
        info = etree.Element(f"{{{DSIG}}}KeyInfo")
        data.insert(1, info)
    for child in list(info):
        if child.tag != f"{{{XENC}}}EncryptedKey":
            info.remove(child)
    info.extend(place.findall(f"{{{XENC}}}EncryptedKey"))
    data.set("Type", XENC + "Element")
    for name in filter(keys.is_rsa, ours):
        for number in range(len(info)):
            plain = opened(data, number, name)
            if plain is not None:
                for key in plain.itersiblings():
                    plain.getparent().remove(key)
                return plain.getroottree().getroot(), plain
    raise ValueError("libxmlsec1 does not open it")


def opened(data, number, name):
    """The plaintext, with that of our keys and the EncryptedKey of that number; None if the two do not fit. It is
    opened where it stands, because it may rely on the namespaces there."""
    root = data.getroottree().getroot()
    place = list(root.iter()).index(data)
    data = list(copy.deepcopy(root).iter())[place]
    info = data.find(f"{{{DSIG}}}KeyInfo")
    for other in [child for at, child in enumerate(info) if at != number]:
        info.remove(other)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(keys.private_pem(name), xmlsec.KeyFormat.PEM))
    try:
        return xmlsec.EncryptionContext(manager).decrypt(data)
    except xmlsec.Error:
        return None


def encrypted_by_xmlsec(text, to="sp-rsa", cipher="AES128", transport="RSA_OAEP"):
    """The message with its assertion encrypted by libxmlsec1, whose dice nobody can fix."""
    root = parse(text)
    assertion = root.find(f".//{{{ASSERTION}}}Assertion")
    place = etree.Element(f"{{{ASSERTION}}}EncryptedAssertion", nsmap={"saml": ASSERTION})
    place.tail, assertion.tail = assertion.tail, None
    assertion.getparent().replace(assertion, place)
    place.append(assertion)
    data = xmlsec.template.encrypted_data_create(
        place, getattr(xmlsec.Transform, cipher), type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(info, getattr(xmlsec.Transform, transport))
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(keys.certificate_pem(to), xmlsec.KeyFormat.CERT_PEM))
    context = xmlsec.EncryptionContext(manager)
    bits = int(cipher[3:6])
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, bits, xmlsec.KeyDataType.SESSION)
    place.append(data)
    context.encrypt_xml(data, assertion)
    return serialized(root)


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
