"""Signatures that are good as mathematics and cover something else than they seem to: references, transforms, shape.

Where it matters, the identity provider's own key made them ("golden"): the shape alone must refuse them.
"""

import base64
import hashlib


from .forgery import FORGED
from .signer import (
    ENVELOPED,
    EXCLUSIVE,
    Recipe,
    canonical,
    canonical_inclusive,
    inclusive_namespaces,
    sign,
    sign_response,
    transform,
)
from .text import MESSAGE, edit, element
from .world import ALICE, ASSERTION, DSIG, INCLUSIVE, VICTIM, XENC, XPATH, XPATH_FILTER, XSLT

REFERENCE = "signature-reference"
TRANSFORMS = "signature-transforms"
SHAPE = "signature-shape"
COMMENT = "signature-comment"
HONEST_TRANSFORMS = transform(ENVELOPED) + transform(EXCLUSIVE)
EMPTY_DIGEST = base64.b64encode(hashlib.sha256(b"").digest()).decode()


def add(corpus):
    transforms(corpus)
    references(corpus)
    shape(corpus)
    comments(corpus)
    void(corpus)


def transforms(corpus):
    corpus.group = "transforms"

    def without_subject(node):
        for subject in node.findall(f"{{{ASSERTION}}}Subject"):
            node.remove(subject)
        return canonical(node)

    xpath = f'<ds:XPath xmlns:saml="{ASSERTION}">not(ancestor-or-self::saml:Subject)</ds:XPath>'
    corpus.refuse(
        "transform-xpath",
        "An XPath leaves the Subject out of the digest; the Subject is changed afterwards.",
        TRANSFORMS,
        edit(
            sign(
                MESSAGE,
                Recipe(
                    transforms=transform(ENVELOPED) + transform(XPATH, xpath) + transform(EXCLUSIVE),
                    octets=without_subject,
                ),
            ),
            f">{ALICE}</saml:NameID>",
            f">{VICTIM}</saml:NameID>",
        ),
    )
    selected = f'<f:XPath xmlns:f="{XPATH_FILTER}" xmlns:saml="{ASSERTION}" Filter="subtract">//saml:Subject</f:XPath>'
    corpus.refuse(
        "transform-xpath-filter",
        "The same with XPath Filter 2.0.",
        TRANSFORMS,
        edit(
            sign(
                MESSAGE,
                Recipe(
                    transforms=transform(ENVELOPED)
                    + transform(XPATH_FILTER, selected)
                    + transform(EXCLUSIVE),
                    octets=without_subject,
                ),
            ),
            f">{ALICE}</saml:NameID>",
            f">{VICTIM}</saml:NameID>",
        ),
    )
    constant = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/"><out>ok</out></xsl:template></xsl:stylesheet>'
    corpus.refuse(
        "transform-xslt",
        "A style sheet turns every document into the same text, which the digest covers.",
        TRANSFORMS,
        sign(FORGED, Recipe(transforms=transform(XSLT, constant), octets=lambda node: b"<out>ok</out>")),
    )
    program = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/"><xsl:value-of select="document(\'file:///etc/passwd\')"/></xsl:template></xsl:stylesheet>'
    corpus.refuse(
        "transform-xslt-reads-files",
        "A style sheet reads a file: transforms run before the signature is checked.",
        TRANSFORMS,
        sign(FORGED, Recipe(key="evil-rsa", transforms=transform(ENVELOPED) + transform(XSLT, program))),
    )
    corpus.refuse(
        "transform-base64",
        "The base64 transform digests the text alone, without the tags.",
        TRANSFORMS,
        sign(
            MESSAGE,
            Recipe(transforms=transform(ENVELOPED) + transform(DSIG + "base64"), octets=lambda node: b""),
        ),
    )
    corpus.refuse(
        "transform-none",
        "There is no Transforms element.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms="", octets=canonical_inclusive)),
    )
    corpus.refuse(
        "transform-empty", "Transforms is empty.", TRANSFORMS, edit(sign(MESSAGE), HONEST_TRANSFORMS, "")
    )
    corpus.refuse(
        "transform-enveloped-only",
        "Only the enveloped-signature transform; the canonicalisation is implied.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms=transform(ENVELOPED), octets=canonical_inclusive)),
    )
    corpus.refuse(
        "transform-canonicalization-only",
        "Only the canonicalisation: the digest would cover its own signature.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms=transform(EXCLUSIVE))),
    )
    corpus.refuse(
        "transform-order",
        "Canonicalisation first, then enveloped-signature.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms=transform(EXCLUSIVE) + transform(ENVELOPED))),
    )
    corpus.refuse(
        "transform-inclusive",
        "Inclusive canonicalisation of the assertion: what the response declares becomes part of what is signed.",
        TRANSFORMS,
        sign(
            MESSAGE,
            Recipe(transforms=transform(ENVELOPED) + transform(INCLUSIVE), octets=canonical_inclusive),
        ),
    )
    corpus.refuse(
        "transform-three",
        "Exclusive canonicalisation twice.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms=HONEST_TRANSFORMS + transform(EXCLUSIVE))),
    )
    corpus.refuse(
        "transform-enveloped-twice",
        "Enveloped-signature twice.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms=transform(ENVELOPED) + HONEST_TRANSFORMS)),
    )
    corpus.refuse(
        "transform-unknown",
        "A transform that nobody knows, where a careless verifier skips it.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms=HONEST_TRANSFORMS + transform("urn:example:noop"))),
    )
    corpus.refuse(
        "transform-decrypt",
        "The decryption transform of XML Encryption.",
        TRANSFORMS,
        sign(
            MESSAGE,
            Recipe(
                transforms=transform(ENVELOPED)
                + transform("http://www.w3.org/2002/07/decrypt#XML")
                + transform(EXCLUSIVE)
            ),
        ),
    )
    corpus.refuse(
        "transform-nameless",
        "A transform without a name.",
        TRANSFORMS,
        edit(sign(MESSAGE), transform(ENVELOPED), "<ds:Transform/>"),
    )
    corpus.refuse(
        "transform-child",
        "The enveloped-signature transform has a child that some verifiers take for a parameter.",
        TRANSFORMS,
        sign(MESSAGE, Recipe(transforms=transform(ENVELOPED, xpath) + transform(EXCLUSIVE))),
    )
    corpus.refuse(
        "transform-prefix-list-twice",
        "Two InclusiveNamespaces lists.",
        TRANSFORMS,
        sign(
            MESSAGE,
            Recipe(
                prefixes=("xs",),
                transforms=transform(ENVELOPED) + transform(EXCLUSIVE, inclusive_namespaces(["xs"]) * 2),
            ),
        ),
        twin="inclusive-namespaces",
    )
    corpus.refuse(
        "transform-prefix-list-elsewhere",
        "An InclusiveNamespaces list of another namespace.",
        TRANSFORMS,
        sign(
            MESSAGE,
            Recipe(
                transforms=transform(ENVELOPED)
                + transform(EXCLUSIVE, '<ds:InclusiveNamespaces PrefixList="xs"/>')
            ),
        ),
        twin="inclusive-namespaces",
    )


def references(corpus):
    corpus.group = "references"
    corpus.refuse(
        "reference-empty-uri-assertion",
        "The URI is empty: it means the whole document, but the signature stands in the assertion.",
        REFERENCE,
        sign(MESSAGE, Recipe(uri="", octets=lambda node: canonical(node.getroottree().getroot()))),
    )
    corpus.refuse(
        "reference-empty-uri-response",
        "The URI is empty, in the response's signature. SAML wants the ID (Core 5.4.2).",
        REFERENCE,
        sign_response(MESSAGE, Recipe(uri="")),
        twin="rsa-sha256-response",
    )
    signed = sign(MESSAGE)
    corpus.refuse(
        "reference-no-uri",
        "The reference has no URI: the application is to know what is meant.",
        REFERENCE,
        edit(signed, ' URI="#_assertion"', ""),
    )
    for name, uri, words in (
        ("xpointer-id", "#xpointer(id('_assertion'))", "an XPointer by ID"),
        ("xpointer-root", "#xpointer(/)", "an XPointer to the root"),
        ("xpointer-short", "#element(/1/3)", "an element pointer"),
        ("no-hash", "_assertion", "the ID without `#`: a relative file name"),
        ("hash-only", "#", "`#` alone"),
        ("escaped", "#%5Fassertion", "the ID percent-encoded"),
        ("space", "# _assertion", "the ID behind a space"),
        ("cid", "cid:assertion@example.com", "a MIME part"),
        ("file", "file:///etc/passwd", "a file"),
        ("relative-file", "Cargo.toml", "a file in the working directory"),
        ("http", "http://169.254.169.254/latest/meta-data/", "an address that the gate would fetch"),
        (
            "document-and-id",
            "https://idp.example.com/response.xml#_assertion",
            "another document's element of that ID",
        ),
        ("response", "#_response", "the response, from the assertion's signature"),
        ("unknown-id", "#_elsewhere", "an ID that nothing has"),
    ):
        corpus.refuse(
            f"reference-{name}", f"The reference names {words}.", REFERENCE, sign(MESSAGE, Recipe(uri=uri))
        )
    corpus.refuse(
        "reference-to-assertion",
        "The response's signature refers to the assertion only.",
        REFERENCE,
        sign(
            MESSAGE,
            Recipe(uri="#_assertion"),
            position=MESSAGE.index("</saml:Issuer>") + len("</saml:Issuer>"),
        ),
    )
    reference = element(signed, "ds:Reference")
    corpus.refuse(
        "reference-none",
        "SignedInfo refers to nothing: the signature is good and covers nothing.",
        REFERENCE,
        sign(FORGED, Recipe(reference="")),
    )
    corpus.refuse(
        "reference-two-equal",
        "The same good reference twice.",
        REFERENCE,
        sign(MESSAGE, Recipe(reference=reference * 2)),
    )
    response_reference = element(sign_response(MESSAGE), "ds:Reference")
    corpus.refuse(
        "reference-two",
        "Two good references, to the assertion and to the response.",
        REFERENCE,
        sign(MESSAGE, Recipe(reference=reference + response_reference)),
    )
    object_text = f'<ds:Object xmlns:ds="{DSIG}" Id="_object">hello</ds:Object>'
    object_digest = base64.b64encode(hashlib.sha256(object_text.encode()).digest()).decode()
    object_reference = (
        f'<ds:Reference URI="#_object"><ds:Transforms>{transform(EXCLUSIVE)}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{XENC}sha256"/><ds:DigestValue>{object_digest}</ds:DigestValue></ds:Reference>'
    )
    corpus.refuse(
        "reference-to-object",
        "The only reference is to an Object inside the signature; the assertion is not covered.",
        "signature-shape",
        sign(FORGED, Recipe(reference=object_reference, extra='<ds:Object Id="_object">hello</ds:Object>')),
    )
    manifest = f'<ds:Object><ds:Manifest Id="_manifest">{reference}</ds:Manifest></ds:Object>'
    corpus.refuse(
        "reference-to-manifest",
        "The reference is to a Manifest, whose own references nobody must check (XML Signature 5.1).",
        "signature-shape",
        sign(FORGED, Recipe(uri="#_manifest", extra=manifest)),
    )
    corpus.refuse(
        "reference-child",
        "The reference holds one more element.",
        SHAPE,
        edit(
            signed,
            "</ds:DigestValue></ds:Reference>",
            "</ds:DigestValue><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>",
        ),
    )
    corpus.refuse(
        "reference-digest-value-twice",
        "Two digest values: the attacker's first, the signed one second (CVE-2025-29774, xml-crypto).",
        SHAPE,
        edit(
            signed.replace(ALICE, VICTIM),
            "<ds:DigestValue>",
            element(sign(MESSAGE.replace(ALICE, VICTIM)), "ds:DigestValue") + "<ds:DigestValue>",
        ),
    )
    corpus.refuse(
        "reference-digest-value-empty",
        "The digest value is empty.",
        "digest-mismatch",
        sign(FORGED, Recipe(digest_value="")),
    )
    corpus.refuse(
        "reference-digest-value-prefix",
        "The digest value is the first octet of the right one.",
        "digest-mismatch",
        sign(MESSAGE, Recipe(digest_value=text_of(signed, "ds:DigestValue")[:2] + "==")),
    )
    corpus.refuse(
        "reference-digest-value-not-base64",
        "The digest value is no base64.",
        SHAPE,
        sign(FORGED, Recipe(digest_value="not base64!")),
    )


def shape(corpus):
    corpus.group = "shape of the signature"
    signed = sign(MESSAGE)
    forged = signed.replace(ALICE, VICTIM)
    info = element(signed, "ds:SignedInfo")
    evil_info = element(sign(MESSAGE.replace(ALICE, VICTIM)), "ds:SignedInfo")
    signature = element(signed, "ds:Signature")
    value = element(signed, "ds:SignatureValue")
    corpus.refuse(
        "signed-info-twice-evil-first",
        "Two SignedInfo: the attacker's with a fitting digest, then the signed one (CVE-2025-29774, xml-crypto).",
        SHAPE,
        edit(forged, info, evil_info + info),
    )
    corpus.refuse(
        "signed-info-twice-evil-last",
        "Two SignedInfo: the signed one, then the attacker's.",
        SHAPE,
        edit(forged, info, info + evil_info),
    )
    corpus.refuse(
        "signed-info-in-object",
        "A second SignedInfo, the signed one, hides in an Object of the same signature: readers that search below find either (CVE-2024-45409, ruby-saml).",
        SHAPE,
        edit(edit(forged, info, evil_info), "</ds:KeyInfo>", f"</ds:KeyInfo><ds:Object>{info}</ds:Object>"),
    )
    corpus.refuse("signed-info-missing", "There is no SignedInfo.", SHAPE, edit(signed, info, ""))
    corpus.refuse(
        "signed-info-child",
        "SignedInfo holds one more element.",
        SHAPE,
        sign(MESSAGE, Recipe(reference=element(signed, "ds:Reference") + "<ds:Object/>")),
    )
    corpus.refuse(
        "signed-info-order",
        "SignatureMethod stands before CanonicalizationMethod.",
        SHAPE,
        swap_methods(signed),
    )
    corpus.refuse("signature-value-missing", "There is no SignatureValue.", SHAPE, edit(signed, value, ""))
    corpus.refuse("signature-value-twice", "Two signature values.", SHAPE, edit(signed, value, value * 2))
    corpus.refuse(
        "signature-value-first",
        "SignatureValue stands before SignedInfo.",
        SHAPE,
        edit(edit(signed, value, ""), info, value + info),
    )
    corpus.refuse(
        "signature-value-child",
        "The signature value holds an element.",
        SHAPE,
        edit(signed, "</ds:SignatureValue>", "<ds:x/></ds:SignatureValue>"),
    )
    corpus.refuse(
        "key-info-twice", "Two KeyInfo.", SHAPE, edit(signed, "</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>")
    )
    corpus.refuse(
        "key-info-first",
        "KeyInfo stands before SignedInfo.",
        SHAPE,
        edit(sign(MESSAGE, Recipe(key_info=None)), "<ds:SignedInfo>", "<ds:KeyInfo/><ds:SignedInfo>"),
        twin="keyinfo-none",
    )
    corpus.refuse(
        "signature-object",
        "The signature has an Object, which no SAML signature may (Core 5.4.6 leaves no room for it).",
        SHAPE,
        edit(signed, "</ds:KeyInfo>", "</ds:KeyInfo><ds:Object>hello</ds:Object>"),
    )
    corpus.refuse(
        "signature-foreign-child",
        "The signature has a child of an unknown namespace.",
        SHAPE,
        edit(signed, "</ds:KeyInfo>", '</ds:KeyInfo><v:x xmlns:v="urn:example:vendor"/>'),
    )
    corpus.refuse(
        "signature-text",
        "Text stands between the children of the signature.",
        SHAPE,
        edit(signed, "<ds:SignatureValue>", "hello<ds:SignatureValue>"),
    )
    corpus.refuse(
        "signature-twice-good",
        "The same good signature twice.",
        "signature-several",
        edit(signed, signature, signature * 2),
    )
    evil_signature = element(sign(MESSAGE.replace(ALICE, VICTIM), Recipe(key="evil-rsa")), "ds:Signature")
    corpus.refuse(
        "signature-twice-evil-first",
        "The attacker's signature stands before the good one.",
        "signature-several",
        edit(forged, signature, evil_signature + signature),
    )
    corpus.refuse(
        "signature-twice-evil-last",
        "The attacker's signature stands behind the good one.",
        "signature-several",
        edit(forged, signature, signature + evil_signature),
    )
    corpus.refuse(
        "signature-in-key-info",
        "A second signature hides in KeyInfo.",
        "signature-misplaced",
        edit(signed, "</ds:KeyInfo>", f"{signature}</ds:KeyInfo>"),
    )
    corpus.refuse(
        "signature-in-object",
        "A second signature hides in an Object of the first.",
        "signature-misplaced",
        edit(signed, "</ds:KeyInfo>", f"</ds:KeyInfo><ds:Object>{evil_signature}</ds:Object>"),
    )
    corpus.refuse(
        "signature-in-extensions",
        "A second signature hides in Extensions.",
        "signature-misplaced",
        edit(
            signed,
            "  <samlp:Status>",
            f"  <samlp:Extensions>{signature}</samlp:Extensions>\n  <samlp:Status>",
        ),
    )
    corpus.refuse(
        "digest-value-in-status-detail",
        "A digest value that fits the forged content stands in StatusDetail, for readers that take the document's first DigestValue (CVE-2024-45409, ruby-saml).",
        "digest-mismatch",
        edit(
            forged,
            "\n  </samlp:Status>",
            f'\n    <samlp:StatusDetail><ds:DigestValue xmlns:ds="{DSIG}">{text_of(evil_info, "ds:DigestValue")}</ds:DigestValue></samlp:StatusDetail>\n  </samlp:Status>',
        ),
    )
    corpus.refuse(
        "signature-method-child",
        "SignatureMethod holds a parameter that RSA does not have.",
        "signature-algorithm",
        sign(MESSAGE, Recipe(method_content="<ds:HMACOutputLength>1</ds:HMACOutputLength>")),
    )
    corpus.refuse(
        "digest-method-child",
        "DigestMethod holds a parameter.",
        SHAPE,
        sign(
            MESSAGE,
            Recipe(
                reference=element(signed, "ds:Reference").replace(
                    'xmlenc#sha256"/>', 'xmlenc#sha256"><ds:x/></ds:DigestMethod>'
                )
            ),
        ),
    )
    corpus.accept(
        "signature-before-issuer",
        "The signature stands before the assertion's Issuer, where simple signers put it. The schema wants it right after; "
        "it is still the assertion's own, enveloped, and covers all of it.",
        sign(MESSAGE, position=MESSAGE.index(">", MESSAGE.index("<saml:Assertion ")) + 1),
    )


def swap_methods(text):
    first = text[text.index("<ds:CanonicalizationMethod") : text.index("<ds:SignatureMethod")]
    second = text[text.index("<ds:SignatureMethod") : text.index("<ds:Reference")]
    return edit(text, first + second, second + first)


def text_of(text, name):
    found = element(text, name)
    return found[found.index(">") + 1 : found.rindex("<")]


def comments(corpus):
    corpus.group = "comments, instructions and qualified attributes inside the signature"
    signed = sign(MESSAGE)
    digest = text_of(signed, "ds:DigestValue")
    evil = text_of(sign(MESSAGE.replace(ALICE, VICTIM)), "ds:DigestValue")
    corpus.refuse(
        "comment-digest-value",
        "The attacker's digest stands in a comment inside DigestValue: canonicalisation drops it, a reader of the first child takes it (CVE-2025-29775, xml-crypto).",
        COMMENT,
        edit(
            signed.replace(ALICE, VICTIM),
            f"<ds:DigestValue>{digest}",
            f"<ds:DigestValue><!--{evil}-->{digest}",
        ),
    )
    corpus.refuse(
        "comment-digest-value-split",
        "A comment splits the digest value.",
        COMMENT,
        edit(signed, digest, f"{digest[:10]}<!-- -->{digest[10:]}"),
    )
    corpus.refuse(
        "comment-signature-value",
        "A comment stands in the signature value.",
        COMMENT,
        edit(signed, "<ds:SignatureValue>", "<ds:SignatureValue><!-- -->"),
    )
    corpus.refuse(
        "comment-signed-info",
        "A comment stands in SignedInfo, which canonicalisation drops.",
        COMMENT,
        edit(signed, "<ds:SignedInfo>", "<ds:SignedInfo><!-- -->"),
    )
    corpus.refuse(
        "comment-signature",
        "A comment stands in the signature.",
        COMMENT,
        edit(signed, "<ds:SignedInfo>", "<!-- --><ds:SignedInfo>"),
    )
    corpus.refuse(
        "comment-key-info",
        "A comment stands in KeyInfo.",
        COMMENT,
        edit(signed, "<ds:X509Data>", "<!-- --><ds:X509Data>"),
    )
    corpus.refuse(
        "instruction-signed-info",
        "A processing instruction stands in SignedInfo.",
        "xml-processing-instruction",
        edit(signed, "<ds:SignedInfo>", "<ds:SignedInfo><?x y?>"),
    )
    vendor = 'xmlns:v="urn:example:vendor"'
    corpus.refuse(
        "qualified-algorithm",
        "v:Algorithm names a weak digest beside the strong one, for readers that ignore namespaces.",
        COMMENT,
        edit(
            signed,
            f'<ds:DigestMethod Algorithm="{XENC}sha256"',
            f'<ds:DigestMethod {vendor} v:Algorithm="{DSIG}sha1" Algorithm="{XENC}sha256"',
        ),
    )
    corpus.refuse(
        "qualified-uri",
        "v:URI names the attacker's element beside the good URI.",
        COMMENT,
        edit(
            signed,
            '<ds:Reference URI="#_assertion"',
            f'<ds:Reference {vendor} v:URI="#_evil" URI="#_assertion"',
        ),
    )


def void(corpus):
    corpus.group = "canonicalisation that fails"
    for name, uri, words in (
        ("relative", "./x", "a relative name"),
        ("digit", "1", "a number"),
        ("fragment", "#x", "a fragment"),
    ):
        bad = edit(
            FORGED, "<saml:Assertion xmlns:saml=", f'<saml:Assertion xmlns:v="{uri}" v:x="" xmlns:saml='
        )
        corpus.refuse(
            f"void-{name}-namespace",
            f"A namespace with {words} makes libxml2's canonicalisation fail and give nothing; the digest is the one of nothing, and the identity provider signed it (CVE-2025-66568, ruby-saml).",
            "xml-namespace-relative",
            sign(bad, Recipe(digest_value=EMPTY_DIGEST)),
        )
    bad = sign(
        FORGED,
        Recipe(signed_info_attributes=' xmlns:v="1" v:x=""', signed_octets=b"", digest_value="@later@"),
    )
    corpus.refuse(
        "void-signed-info",
        "The same inside SignedInfo: the signature covers nothing.",
        "xml-namespace-relative",
        bad.replace("@later@", text_of(sign(FORGED), "ds:DigestValue")),
    )
    corpus.refuse(
        "void-empty-digest",
        "The digest is the one of nothing, over an assertion that canonicalises well: what the identity provider signed for one message that failed is used for all others.",
        "digest-mismatch",
        sign(FORGED, Recipe(digest_value=EMPTY_DIGEST)),
    )
