"""Messages of honest identity providers, in the shapes that are seen in the field. All of them must be let in."""

import base64
import textwrap

from .corpus import Form
from .others import signed_by_signxml, signed_by_xmlsec
from .signer import (
    Recipe,
    certificate_info,
    ecdsa,
    rsa,
    sign,
    sign_both,
    sign_response,
)
from .text import (
    ATTRIBUTE_STATEMENT,
    AUDIENCE_RESTRICTION,
    AUTHN_STATEMENT,
    CONFIRMATION,
    MESSAGE,
    NAME_ID,
    after,
    edit,
    element,
    message,
)
from .world import ACS, ALICE, ASSERTION, IDP, INCLUSIVE, REQUEST, SP, SUCCESS, VICTIM, at

MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
ATTRIBUTES = {MAIL: [ALICE], "groups": ["staff", "ops"]}
TAIL = "\n    </saml:AttributeStatement>"
AUDIENCE = f"<saml:Audience>{SP}</saml:Audience>"
LOOKALIKE = "alice@example.com.evil.com"


def add(corpus):
    algorithms(corpus)
    independent_signers(corpus)
    key_infos(corpus)
    shapes(corpus)
    values(corpus)
    profile(corpus)
    boundaries(corpus)


def algorithms(corpus):
    corpus.group = "algorithms and places of signatures"
    corpus.accept(
        "rsa-sha256-assertion",
        "The ordinary message: the assertion signed with RSA and SHA-256.",
        sign(MESSAGE),
        attributes=ATTRIBUTES,
    )
    corpus.accept(
        "rsa-exponent-3",
        "An RSA key with the exponent 3, as old appliances have it.",
        sign(MESSAGE, Recipe(key="idp-rsa-e3")),
        keys=["idp-rsa-e3"],
    )
    corpus.accept("rsa-sha256-response", "Only the response is signed.", sign_response(MESSAGE))
    corpus.accept(
        "rsa-sha256-both", "The assertion is signed, and the response around it.", sign_both(MESSAGE)
    )
    for hash_name in ("sha384", "sha512"):
        corpus.accept(f"rsa-{hash_name}", f"RSA and {hash_name}.", sign(MESSAGE, rsa(hash_name)))
    for hash_name in ("sha256", "sha384", "sha512"):
        corpus.accept(
            f"rsa-pss-{hash_name}",
            f"RSASSA-PSS with {hash_name} and the default salt (RFC 6931, 2.3.10).",
            sign(MESSAGE, rsa(hash_name, kind="pss")),
        )
    for curve, hash_name in (("p256", "sha256"), ("p384", "sha384"), ("p521", "sha512"), ("p256", "sha512")):
        corpus.accept(
            f"ecdsa-{curve}-{hash_name}",
            f"ECDSA on {curve} with {hash_name}.",
            sign(MESSAGE, ecdsa(curve, hash_name)),
        )
    corpus.accept(
        "ecdsa-short-number",
        "The first number of the ECDSA signature begins with a zero octet, which DER leaves out.",
        short_number(),
    )
    corpus.accept("ecdsa-p256-response", "ECDSA over the response.", sign_response(MESSAGE, ecdsa("p256")))
    corpus.accept(
        "digest-stronger-than-signature",
        "RSA with SHA-256 over a reference digested with SHA-512.",
        sign(MESSAGE, Recipe(digest="sha512")),
    )
    corpus.accept(
        "two-keys-two-signatures",
        "The assertion is signed with the old key, the response with the new one.",
        sign_response(sign(MESSAGE), Recipe(key="idp-rsa-next")),
    )


def short_number():
    for n in range(10_000):
        text = sign(edit(MESSAGE, '"_session"', f'"_session{n}"'), ecdsa("p256"))
        # 0 in the first eight bits: the first base64 character is A and the second is A to P.
        if text[text.index("<ds:SignatureValue>") :].startswith("<ds:SignatureValue>AA"):
            return text
    raise ValueError("no such signature")


def independent_signers(corpus):
    corpus.group = "independent signers"
    corpus.accept("signxml-rsa-assertion", "The assertion signed by signxml.", signed_by_signxml(MESSAGE))
    corpus.accept(
        "signxml-rsa-response", "The response signed by signxml.", signed_by_signxml(MESSAGE, "_response")
    )
    corpus.accept(
        "signxml-rsa-both",
        "Assertion and response signed by signxml.",
        signed_by_signxml(signed_by_signxml(MESSAGE), "_response"),
    )
    corpus.accept(
        "signxml-ecdsa-assertion",
        "The assertion signed by signxml on P-256.",
        signed_by_signxml(MESSAGE, key="idp-p256", algorithm="ecdsa-sha256"),
        chance=True,
    )
    corpus.accept("xmlsec-rsa-assertion", "The assertion signed by libxmlsec1.", signed_by_xmlsec(MESSAGE))
    corpus.accept(
        "xmlsec-rsa-response",
        "The response signed by libxmlsec1 with SHA-512.",
        signed_by_xmlsec(MESSAGE, "_response", algorithm="RSA_SHA512", digest="SHA512"),
    )
    corpus.accept(
        "xmlsec-ecdsa-p384",
        "The assertion signed by libxmlsec1 on P-384.",
        signed_by_xmlsec(MESSAGE, key="idp-p384", algorithm="ECDSA_SHA384", digest="SHA384"),
        chance=True,
    )


def key_infos(corpus):
    corpus.group = "KeyInfo is not read"
    corpus.accept("keyinfo-none", "There is no KeyInfo.", sign(MESSAGE, Recipe(key_info=None)))
    corpus.accept(
        "keyinfo-foreign-certificate",
        "KeyInfo shows a certificate of somebody else, but the right key signed: KeyInfo says nothing.",
        sign(MESSAGE, Recipe(key_info=certificate_info("evil-rsa"))),
    )
    corpus.accept(
        "keyinfo-key-name-only",
        "KeyInfo holds a name (the idiom of some appliances).",
        sign(MESSAGE, Recipe(key_info="<ds:KeyName>signing key 2026</ds:KeyName>")),
    )
    corpus.accept(
        "keyinfo-chain",
        "KeyInfo holds two certificates, the signer's second.",
        sign(MESSAGE, Recipe(key_info=certificate_info("idp-rsa-next", "idp-rsa"))),
    )
    corpus.accept(
        "rollover-key",
        "The identity provider signs with its next key, which its metadata already names.",
        sign(MESSAGE, Recipe(key="idp-rsa-next")),
    )
    corpus.accept(
        "rollover-one-key",
        "The only trusted key is the one that signed.",
        sign(MESSAGE, Recipe(key="idp-rsa-next")),
        keys=["idp-rsa-next"],
    )


def shapes(corpus):
    corpus.group = "shapes of documents"
    compact = "".join(line.strip() if line.strip().startswith("<") else line for line in MESSAGE.split("\n"))
    corpus.accept("compact", "No white space between the elements.", sign(compact))
    corpus.accept(
        "xml-declaration",
        "An XML declaration names UTF-8.",
        f'<?xml version="1.0" encoding="UTF-8"?>\n{sign(MESSAGE)}',
    )
    corpus.accept(
        "inclusive-namespaces",
        "The exclusive transform carries an InclusiveNamespaces list, as OpenSAML writes it.",
        sign(MESSAGE, Recipe(prefixes=("xs", "xsi"))),
    )
    entra = edit(MESSAGE, f'<saml:Assertion xmlns:saml="{ASSERTION}"', f'<Assertion xmlns="{ASSERTION}"')
    head, tail = entra.split("<Assertion ")
    entra = head + "<Assertion " + tail.replace("<saml:", "<").replace("</saml:", "</")
    corpus.accept(
        "default-namespace",
        "The assertion declares its namespace as the default one, as Entra ID does.",
        sign(entra),
    )
    saml2 = (
        MESSAGE.replace("samlp:", "saml2p:")
        .replace(":samlp", ":saml2p")
        .replace("saml:", "saml2:")
        .replace(":saml=", ":saml2=")
    )
    corpus.accept("other-prefixes", "Shibboleth's prefixes saml2 and saml2p.", sign_both(saml2))
    corpus.accept(
        "prefix-declared-on-root",
        "The assertion uses the prefixes of the response; exclusive canonicalisation brings them along.",
        sign(edit(MESSAGE, f'<saml:Assertion xmlns:saml="{ASSERTION}" ', "<saml:Assertion ")),
    )
    corpus.accept(
        "signature-without-prefix",
        "Assertion and signature declare their namespaces as the default ones.",
        sign(entra, Recipe(default_namespace=True)),
    )
    corpus.accept(
        "no-namespace-inside",
        "An attribute value holds an element that takes the default namespace back; a structured value has no text.",
        sign(
            edit(
                entra,
                TAIL.replace("saml:", ""),
                '\n      <Attribute Name="structured"><AttributeValue><x xmlns=""><y>1</y></x></AttributeValue></Attribute>'
                + TAIL.replace("saml:", ""),
            )
        ),
        attributes=ATTRIBUTES | {"structured": []},
    )
    corpus.accept(
        "attribute-value-normalisation",
        "Line breaks and tabs in an XML attribute are read as spaces (XML 1.0, 3.3.3); as references they stay.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                '\n      <saml:Attribute Name="a\nb\tc\r\nd&#10;e"><saml:AttributeValue>1</saml:AttributeValue>'
                "</saml:Attribute>" + TAIL,
            )
        ),
        attributes=ATTRIBUTES | {"a b c d\ne": ["1"]},
    )
    corpus.accept(
        "exclusive-with-comments",
        "Exclusive canonicalisation with comments, of a message that has none.",
        sign(MESSAGE, Recipe(with_comments=True)),
    )
    corpus.accept(
        "comment-digested",
        "A comment inside the assertion, digested by canonicalisation with comments.",
        # A same-document `#ID` reference drops comments before the transform sees them (XML Signature 4.4.3.3).
        sign(edit(MESSAGE, "    <saml:Conditions ", "    <!-- from the template -->\n    <saml:Conditions ")),
    )
    corpus.accept(
        "signed-info-inclusive",
        "SignedInfo canonicalised with the inclusive method, as old libraries do.",
        sign(MESSAGE, Recipe(canonicalization=INCLUSIVE)),
    )
    corpus.accept(
        "base64-wrapped-in-signature",
        "Digest and signature value are wrapped at 64 characters.",
        sign(MESSAGE, Recipe(wrap=64)),
    )
    carriage = sign(MESSAGE, Recipe(wrap=64)).replace("\n", "\r\n")
    corpus.accept(
        "carriage-returns", "Line ends of Windows, normalised by every parser (XML 1.0, 2.11).", carriage
    )
    corpus.accept(
        "vendor-extensions",
        "Extensions of another vendor's namespace in the response.",
        sign(
            edit(
                MESSAGE,
                "  <samlp:Status>",
                '  <samlp:Extensions><v:trace xmlns:v="urn:example:vendor" id="_trace">7f3a</v:trace></samlp:Extensions>\n  <samlp:Status>',
            )
        ),
    )
    corpus.accept(
        "status-message",
        "Success with a message and a detail.",
        sign(
            edit(
                MESSAGE,
                "\n  </samlp:Status>",
                '\n    <samlp:StatusMessage>welcome</samlp:StatusMessage>\n    <samlp:StatusDetail><v:took xmlns:v="urn:example:vendor">12 ms</v:took></samlp:StatusDetail>\n  </samlp:Status>',
            )
        ),
    )
    corpus.accept(
        "status-below-success",
        "A second code below Success; the first level decides (Core 3.2.2.2).",
        sign(
            edit(
                MESSAGE,
                f'<samlp:StatusCode Value="{SUCCESS}"/>',
                f'<samlp:StatusCode Value="{SUCCESS}"><samlp:StatusCode Value="urn:example:fresh"/></samlp:StatusCode>',
            )
        ),
    )
    corpus.accept(
        "advice",
        "Advice that holds no assertion.",
        sign(
            after(
                MESSAGE,
                "</saml:Conditions>",
                '\n    <saml:Advice><v:note xmlns:v="urn:example:vendor">hint</v:note></saml:Advice>',
            )
        ),
    )
    wrapped = "\r\n".join(textwrap.wrap(base64.b64encode(sign(MESSAGE).encode()).decode(), 76)) + "\r\n"
    corpus.accept(
        "form-wrapped-base64",
        "The form value is base64 with line breaks, as MIME encoders write it.",
        Form(wrapped),
    )

    corpus.accept(
        "byte-order-mark", "The document begins with UTF-8's mark (XML 1.0, 4.3.3).", "\ufeff" + sign(MESSAGE)
    )
    corpus.accept(
        "comments-outside",
        "Comments before and behind the root.",
        f"<!-- made by idp.example.com -->\n{sign(MESSAGE)}<!-- end -->\n",
    )
    hidden = element(MESSAGE, "saml:Assertion").replace(ALICE, VICTIM)
    corpus.accept(
        "comment-that-begins-with-greater-than",
        "`<!-->` opens a comment in XML and is a whole one in HTML, whose readers would see the assertion in it. "
        "XML is what counts.",
        edit(sign(MESSAGE), "  <saml:Assertion ", f"  <!-->{hidden}-->\n  <saml:Assertion "),
    )
    corpus.accept(
        "comment-that-begins-with-hyphen",
        "The same with `<!--->`.",
        edit(sign(MESSAGE), "  <saml:Assertion ", f"  <!--->{hidden}-->\n  <saml:Assertion "),
    )
    corpus.accept(
        "cdata-in-digest-value",
        "The digest value is a CDATA section, which canonicalises to the same text.",
        cdata_digest(sign(MESSAGE)),
    )
    corpus.accept(
        "reference-type",
        "The reference has a Type, which is a remark and nothing more (XML Signature 4.4.3).",
        sign(MESSAGE, Recipe(reference_attributes=' Type="http://www.w3.org/2000/09/xmldsig#Manifest"')),
    )
    corpus.accept(
        "reference-and-signature-ids",
        "Signature and reference have IDs of their own.",
        sign(
            MESSAGE, Recipe(signature_attributes=' Id="_signature"', reference_attributes=' Id="_reference"')
        ),
    )
    corpus.accept(
        "inherited-language",
        "The root has xml:lang and xml:base, which exclusive canonicalisation does not hand down.",
        sign(
            edit(
                MESSAGE,
                "<samlp:Response ",
                '<samlp:Response xml:lang="en" xml:base="https://idp.example.com/" ',
            )
        ),
    )
    default = edit(entra, "<samlp:Response ", '<samlp:Response xmlns="urn:example:default" ')
    corpus.accept(
        "inclusive-default-namespace",
        "The prefix list names #default.",
        sign(default, Recipe(prefixes=("#default", "xs"))),
    )
    corpus.accept(
        "canonical-order",
        "Attributes and declarations in an order that canonicalisation changes, prefixes that are declared twice, "
        "never used, and bound anew.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                '\n      <saml:Attribute z="1" a="2" b:y="3" a:y="4" xml:lang="en" Name="order" xmlns:b="urn:a" '
                'xmlns:a="urn:b" xmlns:unused="urn:c"><saml:AttributeValue xmlns:a="urn:b"><!-- x -->one'
                "</saml:AttributeValue><s:AttributeValue xmlns:s='urn:oasis:names:tc:SAML:2.0:assertion' "
                "xmlns:saml='urn:d' saml:x='>'  >two</s:AttributeValue></saml:Attribute>" + TAIL,
            )
        ),
        attributes=ATTRIBUTES | {"order": ["one", "two"]},
    )


def cdata_digest(text):
    digest = element(text, "ds:DigestValue")
    value = digest[len("<ds:DigestValue>") : -len("</ds:DigestValue>")]
    return edit(text, value, f"<![CDATA[{value}]]>")


def values(corpus):
    corpus.group = "values that must be read whole"
    lookalike = message((f">{ALICE}</saml:NameID>", f">{LOOKALIKE}</saml:NameID>"))
    corpus.accept(
        "comment-in-nameid",
        "The person alice@example.com.evil.com puts a comment into the NameID so that careless readers see only "
        "alice@example.com (CVE-2017-11427 and its many siblings). The signature still holds; the whole text counts.",
        edit(sign(lookalike), f">{LOOKALIKE}<", ">alice@example.com<!-- -->.evil.com<"),
        name_id=LOOKALIKE,
    )
    corpus.accept(
        "cdata-in-nameid",
        "The same with a CDATA section, which canonicalisation turns into text.",
        edit(sign(lookalike), f">{LOOKALIKE}<", ">alice@example.com<![CDATA[.evil]]>.com<"),
        name_id=LOOKALIKE,
    )
    corpus.accept(
        "character-references-in-nameid",
        "The same with character references.",
        edit(sign(lookalike), f">{LOOKALIKE}<", ">alice@example.com&#46;evil&#x2e;com<"),
        name_id=LOOKALIKE,
    )
    corpus.accept(
        "comment-in-attribute",
        "A comment splits an attribute value; the whole value counts.",
        edit(sign(MESSAGE), ">staff<", ">st<!-- x -->aff<"),
        attributes=ATTRIBUTES,
    )
    corpus.accept(
        "comment-in-audience",
        "A comment splits the audience; the whole text counts.",
        edit(sign(MESSAGE), f">{SP}<", f">{SP[:20]}<!-- x -->{SP[20:]}<"),
    )
    corpus.accept(
        "not-ascii",
        "Names outside ASCII, raw and as references.",
        sign(
            message(
                (f">{ALICE}</saml:NameID>", ">zoë.müller@example.com</saml:NameID>"),
                (">ops<", ">B&#xfc;ro &#x1F600; &amp; Co<"),
            )
        ),
        name_id="zoë.müller@example.com",
        attributes={MAIL: [ALICE], "groups": ["staff", "Büro 😀 & Co"]},
    )
    escaped = "&lt;/saml:AttributeValue&gt; &amp;amp; ]]&gt; \" ' &#13; &#9;|"
    corpus.accept(
        "markup-as-text",
        "Values that are markup, escaped: written out and read again they must stay text. Signed is what a person "
        "chose as a display name.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                f"\n      <saml:Attribute Name='&lt;x y=&quot;z&quot;&gt;&#10;&#13;&#9;'><saml:AttributeValue>{escaped}"
                "</saml:AttributeValue><saml:AttributeValue><![CDATA[</saml:Attribute><saml:NameID>admin&amp;]]>"
                "</saml:AttributeValue></saml:Attribute>" + TAIL,
            )
        ),
        attributes=ATTRIBUTES
        | {
            '<x y="z">\n\r\t': [
                "</saml:AttributeValue> &amp; ]]> \" ' \r \t|",
                "</saml:Attribute><saml:NameID>admin&amp;",
            ]
        },
    )
    corpus.accept(
        "encrypted-attribute",
        "One attribute is encrypted; its value stays unknown, the others count.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                '\n      <saml:EncryptedAttribute><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"/>'
                "</saml:EncryptedAttribute>" + TAIL,
            )
        ),
        attributes=ATTRIBUTES,
    )
    odd = "\u00a0alice\u200b@example.com\u2028\u0085"
    corpus.accept(
        "white-space-of-unicode",
        "What is white space in Unicode and not in XML is part of the name.",
        sign(message((f">{ALICE}</saml:NameID>", f">\n {odd}\t</saml:NameID>"))),
        name_id=odd,
    )
    corpus.accept(
        "nested-nameid",
        "An attribute value holds a NameID element (Shibboleth's eduPersonTargetedID); its text is the value.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                '\n      <saml:Attribute Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.10"><saml:AttributeValue><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">opaque</saml:NameID></saml:AttributeValue></saml:Attribute>'
                + TAIL,
            )
        ),
        attributes=ATTRIBUTES
        | {
            "urn:oid:1.3.6.1.4.1.5923.1.1.1.10": ["opaque"],
        },
    )
    corpus.accept(
        "empty-attributes",
        "An attribute without values, one with an empty value and one with a nil value.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                '\n      <saml:Attribute Name="none"/><saml:Attribute Name="empty"><saml:AttributeValue/></saml:Attribute><saml:Attribute Name="nil"><saml:AttributeValue xsi:nil="true"/></saml:Attribute>'
                + TAIL,
            )
        ),
        attributes=ATTRIBUTES | {"none": [], "empty": [""], "nil": [""]},
    )
    corpus.accept(
        "many-values",
        "Forty values of one attribute, in their order.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                '\n      <saml:Attribute Name="roles">'
                + "".join(f"<saml:AttributeValue>r{i}</saml:AttributeValue>" for i in range(40))
                + "</saml:Attribute>"
                + TAIL,
            )
        ),
        attributes=ATTRIBUTES | {"roles": [f"r{i}" for i in range(40)]},
    )
    corpus.accept(
        "two-attribute-statements",
        "Attributes come in two statements.",
        sign(
            edit(
                MESSAGE,
                TAIL,
                TAIL
                + '\n    <saml:AttributeStatement><saml:Attribute Name="department"><saml:AttributeValue>R&amp;D</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>',
            )
        ),
        attributes=ATTRIBUTES | {"department": ["R&D"]},
    )
    corpus.accept(
        "no-attributes",
        "No attribute statement at all.",
        sign(edit(MESSAGE, ATTRIBUTE_STATEMENT, "")),
        attributes={},
    )
    corpus.accept(
        "persistent-nameid",
        "A persistent NameID with both qualifiers.",
        sign(
            message(
                (
                    NAME_ID,
                    f'<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" NameQualifier="{IDP}" SPNameQualifier="{SP}">u-4711</saml:NameID>',
                )
            )
        ),
        name_id="u-4711",
    )
    corpus.accept(
        "issuer-with-white-space",
        "Both issuers stand on lines of their own.",
        sign(
            edit(
                MESSAGE,
                f"<saml:Issuer>{IDP}</saml:Issuer>",
                f"<saml:Issuer>\n      {IDP}\n    </saml:Issuer>",
                2,
            )
        ),
    )
    corpus.accept(
        "issuer-with-format",
        "Both issuers say that they are entity identifiers.",
        sign(
            edit(
                MESSAGE,
                "<saml:Issuer>",
                '<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">',
                2,
            )
        ),
    )


def profile(corpus):
    corpus.group = "what the profile allows"
    holder = edit(CONFIRMATION, "cm:bearer", "cm:holder-of-key")
    late = edit(CONFIRMATION, at(300), at(-3600))
    indent = "\n      "
    corpus.accept(
        "two-confirmations-first-of-another-method",
        "A holder-of-key confirmation, then a good bearer one.",
        sign(edit(MESSAGE, CONFIRMATION, holder + indent + CONFIRMATION)),
    )
    corpus.accept(
        "two-confirmations-first-expired",
        "An expired bearer confirmation, then a good one: one that satisfies is enough (Profiles 4.1.4.3).",
        sign(edit(MESSAGE, CONFIRMATION, late + indent + CONFIRMATION)),
    )
    corpus.accept(
        "two-confirmations-second-expired",
        "A good bearer confirmation, then an expired one.",
        sign(edit(MESSAGE, CONFIRMATION, CONFIRMATION + indent + late)),
    )
    corpus.accept(
        "confirmation-address",
        "The confirmation names the client's address, which says nothing behind a proxy.",
        sign(
            edit(
                MESSAGE,
                "<saml:SubjectConfirmationData ",
                '<saml:SubjectConfirmationData Address="192.0.2.7" ',
            )
        ),
    )
    corpus.accept(
        "two-audiences",
        "Two audiences in one restriction: one must be us (Core 2.5.1.4).",
        sign(
            edit(
                MESSAGE,
                AUDIENCE,
                f"<saml:Audience>https://other.example.com</saml:Audience>{indent}  {AUDIENCE}",
            )
        ),
    )
    corpus.accept(
        "two-restrictions",
        "Two restrictions, both of which name us.",
        sign(
            edit(
                MESSAGE,
                AUDIENCE_RESTRICTION,
                AUDIENCE_RESTRICTION
                + indent
                + edit(AUDIENCE_RESTRICTION, AUDIENCE, AUDIENCE + "<saml:Audience>urn:x</saml:Audience>"),
            )
        ),
    )
    corpus.accept(
        "one-time-use",
        "OneTimeUse, which we keep anyway.",
        sign(edit(MESSAGE, "\n    </saml:Conditions>", "\n      <saml:OneTimeUse/>\n    </saml:Conditions>")),
    )
    corpus.accept(
        "proxy-restriction",
        "ProxyRestriction, which binds proxies only.",
        sign(
            edit(
                MESSAGE,
                "\n    </saml:Conditions>",
                '\n      <saml:ProxyRestriction Count="0"/>\n    </saml:Conditions>',
            )
        ),
    )
    corpus.accept(
        "conditions-without-times",
        "Conditions without NotBefore and NotOnOrAfter: the profile demands neither, and the confirmation has an end.",
        sign(message((f' NotBefore="{at(-33)}" NotOnOrAfter="{at(600)}"', ""))),
    )
    corpus.accept(
        "no-session-end",
        "No SessionNotOnOrAfter and no SessionIndex.",
        sign(message((f' SessionIndex="_session" SessionNotOnOrAfter="{at(28800)}"', ""))),
    )
    corpus.accept(
        "two-authn-statements",
        "Two authentication statements.",
        sign(
            edit(
                MESSAGE,
                AUTHN_STATEMENT,
                AUTHN_STATEMENT + "\n    " + edit(AUTHN_STATEMENT, "_session", "_session2"),
            )
        ),
    )
    corpus.accept(
        "subject-locality",
        "The authentication statement names the client's address.",
        sign(
            edit(
                MESSAGE,
                "<saml:AuthnContext>",
                '<saml:SubjectLocality Address="192.0.2.7"/>\n      <saml:AuthnContext>',
            )
        ),
    )
    corpus.accept(
        "no-destination",
        "The response is not signed and has no Destination.",
        sign(message((f' Destination="{ACS}"', ""))),
    )
    corpus.accept(
        "no-response-issuer",
        "The response is not signed and does not name its issuer.",
        sign(MESSAGE.replace(f"\n  <saml:Issuer>{IDP}</saml:Issuer>", "", 1)),
    )
    corpus.accept(
        "fractions-of-seconds",
        "Times with three and with seven digits of fractions.",
        sign(
            message(
                (f'IssueInstant="{at(-2)}"', 'IssueInstant="2026-01-15T11:59:58.123Z"'),
                (f'NotOnOrAfter="{at(300)}"', 'NotOnOrAfter="2026-01-15T12:05:00.1234567Z"'),
            )
        ),
    )
    corpus.accept(
        "consent",
        "The response says that the person consented.",
        sign_response(
            message(
                (
                    ' InResponseTo="' + REQUEST + '">',
                    ' InResponseTo="' + REQUEST + '" Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained">',
                )
            )
        ),
    )
    for wanted in ("either", "assertion", "response", "both"):
        corpus.accept(
            f"require-signed-{wanted}",
            f"Both are signed and `require_signed: {wanted}`.",
            sign_both(MESSAGE),
            require_signed=wanted,
        )


def boundaries(corpus):
    corpus.group = "the last moment"
    corpus.accept(
        "session-never-ends",
        "The identity provider's session ends at the end of time, as some write `never`.",
        sign(message((at(28800), "9999-12-31T23:59:59.999Z"))),
    )
    corpus.accept(
        "confirmation-ends-at-skew",
        "One second before the confirmation's end, skew included.",
        sign(message((at(300), at(-59)))),
    )
    corpus.accept(
        "conditions-end-at-skew",
        "One second before the conditions' end, skew included.",
        sign(message((at(-33), at(-300)), (at(600), at(-59)))),
    )
    corpus.accept(
        "conditions-begin-at-skew",
        "The very moment at which the conditions begin, skew included.",
        sign(message((at(-33), at(60)))),
    )
    corpus.accept(
        "issued-ahead-by-skew",
        "Both were issued as far in the future as the skew allows.",
        sign(message((at(-2), at(60)), (at(-3), at(60)))),
    )
    corpus.accept(
        "issued-before-request-by-skew",
        "Both were issued before the request, as far as the skew allows.",
        sign(message((at(-2), at(-90)), (at(-3), at(-90)))),
    )
    corpus.accept(
        "session-ends-soon",
        "The identity provider's session ends in one second.",
        sign(message((at(28800), at(1)))),
    )
