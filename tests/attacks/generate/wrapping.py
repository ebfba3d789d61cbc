"""XML signature wrapping (Somorovsky et al., "On Breaking SAML", USENIX Security 2012; numbers as in SAML Raider).

The attacker holds one honest, signed message for alice. The signed element stays in the document, untouched, so that
the signature still holds; the reader is led to another element that says `admin@example.com`.
"""

import copy

from lxml import etree

from .signer import parse, remove, serialized, sign, sign_both, sign_response
from .text import MESSAGE
from .world import ALICE, ASSERTION, DSIG, PROTOCOL, VICTIM

MISPLACED = "assertion-misplaced"
COUNT = "assertion-count"
SIGNATURE = "signature-misplaced"


def add(corpus):
    corpus.group = "signature wrapping, assertion signed"
    for number, (build, story) in enumerate(WRAPPINGS, 1):
        corpus.refuse(f"xsw-{number}-assertion", story.format("assertion"), COUNT, build(Signed("Assertion")))
    corpus.group = "signature wrapping, response signed"
    for number, (build, story) in enumerate(WRAPPINGS, 1):
        corpus.refuse(
            f"xsw-{number}-response",
            story.format("response"),
            COUNT,
            build(Signed("Response")),
            twin="rsa-sha256-response",
        )
    corpus.group = "signature wrapping, both signed"
    for number in (3, 4, 8):
        build, story = WRAPPINGS[number - 1]
        corpus.refuse(
            f"xsw-{number}-both",
            "Both signed. " + story.format("assertion"),
            COUNT,
            build(Signed("Both")),
            twin="rsa-sha256-both",
        )
    corpus.group = "other hiding places"
    hiding_places(corpus)
    one_assertion_only(corpus)
    identifiers(corpus)


class Signed:
    """An honest signed document, taken apart: the signed element, its Signature, and an evil twin of the element."""

    def __init__(self, which):
        sign_it = {"Assertion": sign, "Response": sign_response, "Both": sign_both}[which]
        self.root = parse(sign_it(MESSAGE))
        self.original = self.root if which == "Response" else child(self.root, ASSERTION, "Assertion")
        self.signature = child(self.original, DSIG, "Signature")

    def bare_original(self):
        """The signed element as it was digested: without its Signature."""
        bare = copy.deepcopy(self.original)
        remove(child(bare, DSIG, "Signature"))
        bare.tail = None
        return bare

    def evil(self, with_signature):
        """A copy that says what the attacker wants, under IDs of its own."""
        evil = copy.deepcopy(self.original)
        if not with_signature:
            remove(child(evil, DSIG, "Signature"))
        say_victim(evil)
        for node in evil.iter():
            if node.get("ID"):
                node.set("ID", node.get("ID") + "_evil")
        return evil

    def put(self, evil):
        """The document with `evil` in the place of the signed element."""
        parent = self.original.getparent()
        if parent is None:
            return serialized(evil)
        evil.tail = self.original.tail
        parent.replace(self.original, evil)
        return serialized(parent)


def child(node, namespace, name):
    return node.find(f"{{{namespace}}}{name}")


def say_victim(node):
    for name_id in node.iter(f"{{{ASSERTION}}}NameID"):
        name_id.text = VICTIM
    for value in node.iter(f"{{{ASSERTION}}}AttributeValue"):
        value.text = (value.text or "").replace(ALICE, VICTIM)
    return node


def xsw_1(doc):
    evil = doc.evil(with_signature=True)
    child(evil, DSIG, "Signature").append(doc.bare_original())
    return doc.put(evil)


def xsw_2(doc):
    evil = doc.evil(with_signature=True)
    child(evil, DSIG, "Signature").addprevious(doc.bare_original())
    return doc.put(evil)


def xsw_3(doc):
    """The evil sibling comes first. A root has no siblings: there the original hangs before the evil assertion."""
    if doc.original.getparent() is None:
        evil = doc.evil(with_signature=False)
        evil.insert(0, copy.deepcopy(doc.original))
        return doc.put(evil)
    doc.original.addprevious(doc.evil(with_signature=False))
    return serialized(doc.root)


def xsw_4(doc):
    evil = doc.evil(with_signature=False)
    evil.append(copy.deepcopy(doc.original))
    return doc.put(evil)


def xsw_5(doc):
    evil = doc.evil(with_signature=True)
    bare = doc.bare_original()
    parent = doc.original.getparent()
    text = doc.put(evil)
    if parent is None:
        evil.append(bare)
        return serialized(evil)
    parent.append(bare)
    return serialized(parent) if text else ""


def xsw_6(doc):
    evil = doc.evil(with_signature=True)
    child(evil, DSIG, "Signature").insert(0, doc.bare_original())
    return doc.put(evil)


def xsw_7(doc):
    extensions = etree.Element(f"{{{PROTOCOL}}}Extensions")
    if doc.original.getparent() is None:
        evil = doc.evil(with_signature=False)
        extensions.append(copy.deepcopy(doc.original))
        evil.insert(1, extensions)
        return doc.put(evil)
    extensions.append(doc.evil(with_signature=False))
    doc.root.insert(1, extensions)
    return serialized(doc.root)


def xsw_8(doc):
    evil = doc.evil(with_signature=True)
    etree.SubElement(child(evil, DSIG, "Signature"), f"{{{DSIG}}}Object").append(doc.bare_original())
    return doc.put(evil)


WRAPPINGS = [
    (xsw_1, "An evil {0} takes the signature; the signed original is hung behind KeyInfo inside it."),
    (xsw_2, "An evil {0} takes the signature; the signed original stands detached before it."),
    (xsw_3, "An evil {0} stands before the signed original, which keeps its signature."),
    (xsw_4, "An evil {0} encloses the signed original, which keeps its signature."),
    (
        xsw_5,
        "The signature is left on an evil {0}; the signed original, without it, comes last in the document.",
    ),
    (xsw_6, "The signature is left on an evil {0} and encloses the signed original before SignedInfo."),
    (xsw_7, "Extensions, where any element may stand, hide one of the two {0}s."),
    (xsw_8, "The signature is left on an evil {0}; the signed original hides in its ds:Object."),
]


def hiding_places(corpus):
    def hidden(name, story, expect, parent_tag, where, twin="rsa-sha256-assertion"):
        """The whole signed assertion moves into `parent_tag`, an evil one takes its place."""
        doc = Signed("Assertion")
        evil = doc.evil(with_signature=False)
        box = etree.Element(parent_tag)
        box.append(copy.deepcopy(doc.original))
        doc.put(evil)
        where(evil, box)
        corpus.refuse(name, story, expect, serialized(evil.getroottree().getroot()), twin=twin)

    hidden(
        "hidden-in-advice",
        "The signed assertion hides in the Advice of an unsigned evil one, where the schema allows it.",
        COUNT,
        f"{{{ASSERTION}}}Advice",
        lambda evil, box: child(evil, ASSERTION, "Conditions").addnext(box),
    )
    hidden(
        "hidden-in-status-detail",
        "The signed assertion hides in StatusDetail.",
        COUNT,
        f"{{{PROTOCOL}}}StatusDetail",
        lambda evil, box: child(evil.getparent(), PROTOCOL, "Status").append(box),
    )
    hidden(
        "hidden-in-attribute-value",
        "The signed assertion hides in an attribute value of an unsigned evil one.",
        COUNT,
        f"{{{ASSERTION}}}AttributeValue",
        lambda evil, box: evil.find(f".//{{{ASSERTION}}}Attribute").append(box),
    )
    hidden(
        "hidden-in-confirmation-data",
        "The signed assertion hides in SubjectConfirmationData, whose content the schema leaves open.",
        COUNT,
        "{urn:example:vendor}proof",
        lambda evil, box: evil.find(f".//{{{ASSERTION}}}SubjectConfirmationData").append(box),
    )
    hidden(
        "hidden-in-foreign-element",
        "The signed assertion hides in an unknown element at the end of the response.",
        COUNT,
        "{urn:example:vendor}box",
        lambda evil, box: evil.getparent().append(box),
    )

    doc = Signed("Assertion")
    bare = doc.bare_original()
    remove(doc.signature)
    extensions = etree.Element(f"{{{PROTOCOL}}}Extensions")
    extensions.extend([doc.signature, bare])
    say_victim(doc.original)
    doc.original.set("ID", "_assertion_evil")
    doc.root.insert(1, extensions)
    corpus.refuse(
        "hidden-signature-and-original-in-extensions",
        "Signature and signed original lie side by side in Extensions; the assertion in the right place is evil.",
        COUNT,
        serialized(doc.root),
    )

    doc = Signed("Assertion")
    remove(doc.signature)
    doc.root.insert(1, doc.signature)
    corpus.refuse(
        "signature-moved-to-response",
        "The assertion's signature is moved up to the response: whether the response is signed must not be told from "
        "where a signature stands (CVE-2024-8698, Keycloak).",
        "signature-reference",
        serialized(doc.root),
    )

    doc = Signed("Response")
    remove(doc.signature)
    child(doc.root, ASSERTION, "Assertion").insert(1, doc.signature)
    corpus.refuse(
        "signature-moved-to-assertion",
        "The response's signature is moved down into the assertion.",
        "signature-reference",
        serialized(doc.root),
        twin="rsa-sha256-response",
    )

    doc = Signed("Assertion")
    remove(doc.signature)
    child(doc.root, PROTOCOL, "Status").append(doc.signature)
    corpus.refuse(
        "signature-moved-to-status", "The signature is moved into Status.", SIGNATURE, serialized(doc.root)
    )

    doc = Signed("Assertion")
    remove(doc.signature)
    child(doc.original, ASSERTION, "Subject").append(doc.signature)
    corpus.refuse(
        "signature-moved-to-subject",
        "The signature is moved into the assertion's Subject.",
        SIGNATURE,
        serialized(doc.root),
    )

    doc = Signed("Assertion")
    remove(doc.signature)
    doc.original.append(doc.signature)
    corpus.accept(
        "signature-last-in-assertion",
        "The signature stands at the end of the assertion, where simple signers append it. The schema wants it right "
        "after Issuer; it is still the assertion's own, enveloped, and covers all of it.",
        serialized(doc.root),
    )

    metadata = (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_metadata" '
        'entityID="https://idp.example.com/metadata"><md:Organization><md:OrganizationName xml:lang="en">Corp'
        "</md:OrganizationName></md:Organization></md:EntityDescriptor>"
    )
    signed = sign(metadata, identifier="_metadata")
    doc = Signed("Assertion")
    remove(doc.signature)
    say_victim(doc.original)
    extensions = etree.Element(f"{{{PROTOCOL}}}Extensions")
    extensions.append(parse(signed))
    doc.root.insert(1, extensions)
    corpus.refuse(
        "hidden-signed-metadata",
        "Anybody can fetch the identity provider's signed metadata: it lends its signature to a made-up response "
        "(CVE-2025-47949, samlify).",
        SIGNATURE,
        serialized(doc.root),
    )


def one_assertion_only(corpus):
    corpus.group = "more than one assertion, or none"
    doc = Signed("Assertion")
    doc.root.append(doc.evil(with_signature=False))
    corpus.refuse(
        "assertion-evil-last",
        "An unsigned evil assertion follows the signed one (CVE-2022-41912, crewjam/saml).",
        COUNT,
        serialized(doc.root),
    )
    doc = Signed("Response")
    nested = child(doc.root, ASSERTION, "Assertion")
    doc = parse(sign_response(serialized_with_second(nested)))
    corpus.refuse(
        "assertion-two-signed",
        "Two assertions under one good signature of the response: even then which one counts is a question.",
        COUNT,
        serialized(doc),
        twin="rsa-sha256-response",
    )
    corpus.refuse(
        "assertion-none",
        "A signed response without an assertion.",
        COUNT,
        sign_response(
            MESSAGE.replace(
                MESSAGE[MESSAGE.index("  <saml:Assertion ") : MESSAGE.index("</samlp:Response>")], ""
            )
        ),
        twin="rsa-sha256-response",
    )
    encrypted = (
        '<saml:EncryptedAssertion><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" '
        'Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod '
        'Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/><xenc:CipherData><xenc:CipherValue>'
        "c2VjcmV0</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"
    )
    signed = sign(MESSAGE)
    for name, at_end in (
        ("assertion-encrypted-before-plain", False),
        ("assertion-encrypted-after-plain", True),
    ):
        place = signed.index("</samlp:Response>") if at_end else signed.index("<saml:Assertion ")
        corpus.refuse(
            name,
            "An encrypted assertion, which anybody can make with our public key, stands beside the signed one.",
            COUNT,
            signed[:place] + encrypted + signed[place:],
        )
    begin, end = signed.index("  <saml:Assertion "), signed.index("</samlp:Response>")
    corpus.refuse(
        "assertion-in-extensions",
        "The only assertion, well signed, stands in Extensions.",
        MISPLACED,
        signed[:begin].replace(
            "  <samlp:Status>",
            "  <samlp:Extensions>" + signed[begin:end].strip() + "</samlp:Extensions>\n  <samlp:Status>",
        )
        + signed[end:],
    )
    corpus.refuse(
        "assertion-in-foreign-element",
        "The only assertion, well signed, stands in an unknown element.",
        MISPLACED,
        signed[:begin]
        + '  <v:box xmlns:v="urn:example:vendor">'
        + signed[begin:end].strip()
        + "</v:box>\n"
        + signed[end:],
    )
    doc = Signed("Assertion")
    inner = doc.bare_original()
    inner.set("ID", "_inner")
    say_victim(inner)
    text = sign(
        MESSAGE.replace(
            "    <saml:AuthnStatement ",
            f"    <saml:Advice>{serialized(inner)}</saml:Advice>\n    <saml:AuthnStatement ",
            1,
        )
    )
    corpus.refuse(
        "assertion-in-advice-signed",
        "The identity provider itself signed an assertion with another one in its Advice.",
        COUNT,
        text,
    )


def serialized_with_second(nested):
    second = copy.deepcopy(nested)
    second.set("ID", "_second")
    say_victim(second)
    root = parse(MESSAGE)
    root.append(second)
    return serialized(root)


def identifiers(corpus):
    corpus.group = "identifiers"

    def evil_before(name, story, expect, rename):
        doc = Signed("Assertion")
        evil = doc.evil(with_signature=False)
        rename(evil)
        doc.original.addprevious(evil)
        corpus.refuse(name, story, expect, serialized(doc.root))

    evil_before(
        "id-duplicate-evil-first",
        "The evil assertion has the same ID as the signed one and stands before it.",
        "xml-id-duplicate",
        lambda evil: evil.set("ID", "_assertion"),
    )

    def beside(name, story, expect, markup):
        """A harmless-looking element carries the signed assertion's ID a second time."""
        signed = sign(MESSAGE)
        extra = f"<samlp:Extensions>{markup}</samlp:Extensions>\n  <samlp:Status>"
        corpus.refuse(name, story, expect, signed.replace("<samlp:Status>", extra, 1))

    duplicate, qualified = "xml-id-duplicate", "xml-id-qualified"
    vendor = 'xmlns:v="urn:example:vendor"'
    for attribute in ("ID", "Id", "id", "AssertionID"):
        beside(
            f"id-duplicate-{attribute.lower()}{'-capital' if attribute == 'ID' else ''}{'-mixed' if attribute == 'Id' else ''}",
            f"Another element carries the signed ID in an attribute called {attribute}, which some library takes for an ID.",
            duplicate,
            f'<v:x {vendor} {attribute}="_assertion"/>',
        )
    beside(
        "id-qualified-vendor",
        "Another element carries the signed ID in a qualified attribute v:ID.",
        qualified,
        f'<v:x {vendor} v:ID="_assertion"/>',
    )
    beside(
        "id-qualified-xml",
        "Another element carries the signed ID in xml:id, which every parser takes for an ID.",
        qualified,
        f'<v:x {vendor} xml:id="_assertion"/>',
    )
    beside(
        "id-qualified-samlp",
        "Another element carries the signed ID in samlp:ID.",
        qualified,
        f'<v:x {vendor} samlp:ID="_assertion"/>',
    )
    doc = Signed("Assertion")
    bare = doc.bare_original()
    say_victim(doc.original)
    del doc.original.attrib["ID"]
    doc.original.set("{urn:example:vendor}ID", "_assertion")
    doc.original.set("ID", "_assertion_evil")
    extensions = etree.Element(f"{{{PROTOCOL}}}Extensions")
    box = etree.SubElement(extensions, "{urn:example:vendor}box")
    box.set("ID", "_assertion")
    box.text = bare.findtext(f"{{{ASSERTION}}}Issuer")
    doc.root.insert(1, extensions)
    corpus.refuse(
        "id-attribute-pollution",
        "The evil assertion has two IDs: its own, and v:ID with the signed one, for readers that ignore namespaces "
        "(CVE-2025-25292 and the parser differentials around it).",
        qualified,
        serialized(doc.root),
    )
    corpus.refuse(
        "id-same-on-response-and-assertion",
        "Response and assertion have the same ID: the reference names both.",
        duplicate,
        sign(
            MESSAGE.replace(' ID="_response"', ' ID="_assertion"').replace(
                ' ID="_assertion" Version="2.0" IssueInstant="2026-01-15T11:59:57Z"',
                ' ID="_assertion" Version="2.0" IssueInstant="2026-01-15T11:59:57Z"',
            )
        ),
    )
    for which, twin in (("response", "rsa-sha256-response"), ("assertion", "rsa-sha256-assertion")):
        text = MESSAGE.replace(f' ID="_{which}"', "", 1)
        other = sign(text) if which == "response" else sign_response(text)
        corpus.refuse(
            f"id-missing-{which}",
            f"The {which} has no ID"
            + (
                "." if which == "response" else ", so that it cannot be claimed once; the response is signed."
            ),
            "id-missing",
            other,
            twin="rsa-sha256-assertion" if which == "response" else "rsa-sha256-response",
        )
        text = MESSAGE.replace(f' ID="_{which}"', ' ID=""', 1)
        other = sign(text) if which == "response" else sign_response(text)
        corpus.refuse(
            f"id-empty-{which}",
            f"The ID of the {which} is empty.",
            "id-missing",
            other,
            twin="rsa-sha256-assertion" if which == "response" else "rsa-sha256-response",
        )
    corpus.refuse(
        "id-on-subject-signed-alone",
        "Only the Subject is signed, under its own ID, with the signature in the assertion: the rest is not covered.",
        "signature-reference",
        sign(
            MESSAGE.replace("<saml:Subject>", '<saml:Subject ID="_subject">'),
            identifier="_subject",
            position=MESSAGE.index("</saml:Issuer>", MESSAGE.index("<saml:Assertion "))
            + len("</saml:Issuer>"),
        ),
    )
