"""Encrypted assertions, names and attributes: every variant that identity providers send, and what attackers do to
ciphertexts, to the keys beside them, and to what is inside."""

from . import keys
from .encryptor import Recipe, encrypt, encrypted, oaep, with_changes
from .forgery import FORGED
from .others import encrypted_by_xmlsec, signed_by_signxml
from .signer import Recipe as Signing
from .signer import ecdsa, sign, sign_both, sign_response
from .text import ASSERTION_TEXT, ATTRIBUTE_STATEMENT, MESSAGE, NAME_ID, after, edit, element, without
from .world import ACS, ALICE, ASSERTION, DSIG, SP, VICTIM, XENC, XENC11, at

OURS = ["sp-rsa"]
MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
ATTRIBUTES = {MAIL: [ALICE], "groups": ["staff", "ops"]}
SIGNED = sign(MESSAGE)
"""The ordinary message; its assertion is what gets encrypted."""
PLAIN = element(SIGNED, "saml:Assertion")
TWIN = "encrypted-aes128-gcm"
CBC_TWIN = "encrypted-aes128-cbc"

SHAPE = "encryption-shape"
REFERENCE = "encryption-reference"
ALGORITHM = "encryption-algorithm"
TRANSPORT = "encryption-key-transport"
CBC = "encryption-cbc"
KEY = "decryption-key"
CONTENT = "decryption-content"
PLAINTEXT = "decryption-plaintext"


def add(corpus):
    honest(corpus)
    parts(corpus)
    policies(corpus)
    shapes(corpus)
    algorithms(corpus)
    ciphertexts(corpus)
    insides(corpus)
    signatures(corpus)
    names(corpus)


def accept(corpus, name, story, recipe=None, document=None, **more):
    document = encrypt(SIGNED, recipe) if document is None else document
    corpus.accept(name, story, document, sp_keys=more.pop("sp_keys", OURS), attributes=ATTRIBUTES, **more)


def refuse(corpus, name, story, expect, document, twin=TWIN, **more):
    corpus.refuse(name, story, expect, document, twin=twin, sp_keys=more.pop("sp_keys", OURS), **more)


def holding(content, recipe=Recipe()):
    """The message with something else encrypted where its assertion stood."""
    return SIGNED.replace(PLAIN, encrypted(content, recipe))


def honest(corpus):
    corpus.group = "encryption: what identity providers send"
    for cipher in ("aes128-gcm", "aes192-gcm", "aes256-gcm", "aes128-cbc", "aes192-cbc", "aes256-cbc"):
        accept(
            corpus, f"encrypted-{cipher}", f"A signed assertion, encrypted with {cipher}.", Recipe(cipher=cipher)
        )
    for digest in ("sha256", "sha384", "sha512"):
        accept(
            corpus,
            f"encrypted-oaep-mgf1p-{digest}",
            f"RSA-OAEP with {digest}, whose mask is SHA-1 under the older name.",
            Recipe(digest=digest),
        )
    for digest, mask in (
        ("sha1", "sha1"),
        ("sha1", "sha256"),
        ("sha256", "sha1"),
        ("sha256", "sha256"),
        ("sha384", "sha384"),
        ("sha512", "sha512"),
        ("sha256", None),
        ("sha512", "sha1"),
    ):
        accept(
            corpus,
            f"encrypted-oaep-{digest}-mask-{mask or 'unsaid'}",
            f"RSA-OAEP under its newer name, with {digest} and a mask of {mask or 'SHA-1, left unsaid'}.",
            Recipe(transport="rsa-oaep", digest=digest, mask=mask, cipher="aes256-gcm"),
        )
    accept(corpus, "encrypted-oaep-unsaid", "RSA-OAEP without a DigestMethod.", Recipe(digest=None))
    accept(corpus, "encrypted-key-beside", "The key stands beside EncryptedData.", Recipe(beside=True))
    accept(
        corpus,
        "encrypted-key-retrieved",
        "The key stands beside EncryptedData, and a RetrievalMethod says so (Shibboleth).",
        Recipe(beside=True, retrieval="#_key0"),
    )
    accept(
        corpus,
        "encrypted-key-described",
        "The key says whose certificate it was encrypted with, and what for (Entra ID, ADFS); base64 in lines.",
        Recipe(
            cipher="aes256-cbc",
            wrap=76,
            key_content=f'<ds:KeyInfo xmlns:ds="{DSIG}"><ds:X509Data><ds:X509Certificate>{keys.certificate_base64("sp-rsa")}'
            "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
            key_tail='<xenc:ReferenceList><xenc:DataReference URI="#_data"/></xenc:ReferenceList>'
            "<xenc:CarriedKeyName>key</xenc:CarriedKeyName>",
        ),
    )
    accept(corpus, "encrypted-without-type", "EncryptedData does not say its type.", Recipe(type=None))
    accept(
        corpus,
        "encrypted-for-the-next-key",
        "Keys change: encrypted for the newer of our two keys, of 3072 bits.",
        Recipe(to=("sp-rsa-next",)),
        sp_keys=["sp-rsa", "sp-rsa-next"],
    )
    accept(
        corpus,
        "encrypted-for-both-keys",
        "Keys change: encrypted for both of our keys.",
        Recipe(to=("sp-rsa-next", "sp-rsa"), beside=True),
        sp_keys=["sp-p256", "sp-rsa"],
    )
    accept(corpus, "encrypted-rsa-4096", "A key of ours of 4096 bits.", Recipe(to=("sp-rsa-4096",)), sp_keys=["sp-rsa-4096"])
    accept(
        corpus,
        "encrypted-recipients",
        "Encrypted for five services, of which we are named last.",
        Recipe(
            to=("other-sp-rsa",) * 4 + ("sp-rsa",),
            recipients=tuple(f"https://other{n}.example.net" for n in range(4)) + (SP,),
        ),
    )
    accept(
        corpus,
        "encrypted-recipient-odd",
        "The Recipient is not our entity ID but what the identity provider calls us; our key opens it.",
        Recipe(recipients=("the wiki",)),
    )
    accept(
        corpus,
        "encrypted-response-signed",
        "Only the response is signed, over the ciphertext.",
        document=sign_response(encrypt(MESSAGE)),
    )
    accept(
        corpus,
        "encrypted-both-signed",
        "The assertion is signed, encrypted, and the response around it signed.",
        document=sign_response(encrypt(SIGNED)),
    )
    accept(
        corpus,
        "encrypted-cbc-both-signed",
        "The same in CBC, with ECDSA inside.",
        document=sign_response(encrypt(sign(MESSAGE, ecdsa("p256")), Recipe(cipher="aes128-cbc"))),
    )
    schema = (
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    )
    outer = edit(MESSAGE, f'<saml:Assertion xmlns:saml="{ASSERTION}"{schema} ', "<saml:Assertion ")
    outer = edit(outer, "<samlp:Response ", f"<samlp:Response{schema} ")
    accept(
        corpus,
        "encrypted-prefixes-of-outside",
        "The plaintext relies on prefixes that are declared outside of it (XML Encryption 4.4).",
        document=encrypt(sign(outer)),
    )
    default = SIGNED.replace(PLAIN, encrypted(unprefixed(), name="EncryptedAssertion")).replace(
        "<EncryptedAssertion>", '<EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion">'
    )
    accept(
        corpus,
        "encrypted-default-namespace-of-outside",
        "The plaintext has no prefixes and relies on the default namespace around it.",
        document=default,
    )
    accept(
        corpus,
        "encrypted-white-space-around",
        "White space around the assertion in the plaintext.",
        document=holding(f"\n  {PLAIN}\n"),
    )
    for cipher, transport in (("AES128", "RSA_OAEP"), ("AES256", "RSA_OAEP")):
        accept(
            corpus,
            f"encrypted-by-xmlsec-{cipher.lower()}",
            f"Signed by signxml, encrypted by libxmlsec1 with {cipher} in CBC.",
            document=encrypted_by_xmlsec(signed_by_signxml(MESSAGE), cipher=cipher, transport=transport),
            chance=True,
        )


def unprefixed():
    """The signed assertion in the default namespace, which it does not declare."""
    inside = ASSERTION_TEXT.replace(' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"', "")
    inside = inside.replace("<saml:", "<").replace("</saml:", "</")
    whole = MESSAGE.replace(ASSERTION_TEXT, f'<x xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{inside}</x>')
    signed = sign(whole)
    return signed[signed.index("<Assertion ") : signed.index("</x>")]


def parts(corpus):
    corpus.group = "encryption: names and attributes"
    name = encrypted(declared(NAME_ID), name="saml:EncryptedID")
    statement = element(MESSAGE, "saml:AttributeStatement")
    groups = statement[statement.index('<saml:Attribute Name="groups">') : statement.index("</saml:AttributeStatement>")]
    groups = groups.rstrip()
    attribute = encrypted(declared(groups), name="saml:EncryptedAttribute")
    accept(corpus, "encrypted-nameid", "The NameID is encrypted in a signed assertion.", document=sign(edit(MESSAGE, NAME_ID, name)))
    accept(
        corpus,
        "encrypted-nameid-cbc",
        "The NameID is encrypted in CBC, for which a signature stands.",
        document=sign(edit(MESSAGE, NAME_ID, encrypted(NAME_ID, Recipe(cipher="aes256-cbc", beside=True), "saml:EncryptedID"))),
        cbc="require_signed_response",
    )
    accept(
        corpus,
        "encrypted-attribute-opened",
        "An attribute is encrypted in a signed assertion.",
        document=sign(edit(MESSAGE, groups, attribute)),
    )
    accept(
        corpus,
        "encrypted-everything",
        "NameID and attribute are encrypted, then the assertion around them.",
        document=encrypt(sign(edit(edit(MESSAGE, NAME_ID, name), groups, attribute))),
    )
    corpus.accept(
        "encrypted-attribute-without-key",
        "An attribute is encrypted and we have no key: it stays unknown.",
        sign(edit(MESSAGE, groups, attribute)),
        attributes={MAIL: [ALICE]},
    )


def declared(text):
    """The element with the namespace declarations that it needs to stand alone."""
    name = text[1:].split(None, 1)[0].split(">")[0]
    return text.replace(
        f"<{name}",
        f'<{name} xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
        1,
    )


def policies(corpus):
    corpus.group = "encryption and algorithms: what the owner decides"
    cbc = Recipe(cipher="aes128-cbc")
    accept(corpus, "encrypted-required", "`require_encrypted`, and it is.", Recipe(), require_encrypted=True)
    accept(
        corpus,
        "encrypted-cbc-in-signed-response",
        "CBC under `cbc: require_signed_response`, and the response is signed.",
        document=sign_response(encrypt(MESSAGE, cbc)),
        cbc="require_signed_response",
    )
    accept(corpus, "encrypted-gcm-without-cbc", "GCM under `cbc: refuse`.", Recipe(), cbc="refuse")
    corpus.accept(
        "algorithms-narrowed",
        "ECDSA, where the owner allows this identity provider nothing else.",
        sign(MESSAGE, ecdsa("p256")),
        algorithms=["ecdsa-sha256"],
    )
    corpus.accept(
        "rsa-sha1-allowed",
        "RSA with SHA-1 over SHA-1, where the owner allows it until later.",
        sign(MESSAGE, Signing(hash="sha1", digest="sha1")),
        sha1_until=864000,
    )
    corpus.accept(
        "rsa-sha1-allowed-not-used",
        "RSA with SHA-256, where the owner allows SHA-1 until later.",
        sign(MESSAGE),
        sha1_until=864000,
    )

    refuse(
        corpus,
        "encrypted-cbc-refused",
        "CBC under `cbc: refuse`.",
        CBC,
        encrypt(SIGNED, cbc),
        twin="encrypted-gcm-without-cbc",
        cbc="refuse",
    )
    refuse(
        corpus,
        "encrypted-cbc-refused-although-signed",
        "CBC in a signed response under `cbc: refuse`.",
        CBC,
        sign_response(encrypt(SIGNED, cbc)),
        twin="encrypted-gcm-without-cbc",
        cbc="refuse",
    )
    refuse(
        corpus,
        "encrypted-cbc-with-inner-signature-only",
        "CBC under `cbc: require_signed_response`, signed inside only: anybody can ask what a changed ciphertext does.",
        CBC,
        encrypt(SIGNED, cbc),
        twin="encrypted-cbc-in-signed-response",
        cbc="require_signed_response",
    )
    refuse(
        corpus,
        "encrypted-nameid-cbc-refused",
        "A NameID in CBC under `cbc: refuse`.",
        CBC,
        sign(edit(MESSAGE, NAME_ID, encrypted(declared(NAME_ID), cbc, "saml:EncryptedID"))),
        twin="encrypted-nameid",
        cbc="refuse",
    )
    refuse(
        corpus,
        "encrypted-not",
        "A well signed assertion in the clear, where `require_encrypted` demands encryption.",
        "encryption-missing",
        SIGNED,
        twin="encrypted-required",
        require_encrypted=True,
    )
    corpus.refuse(
        "encrypted-no-key",
        "An encrypted assertion, and we have no key.",
        "assertion-encrypted",
        encrypt(SIGNED),
    )
    refuse(
        corpus,
        "encrypted-only-ecdsa-key",
        "An encrypted assertion, and our only key is for ECDSA.",
        "assertion-encrypted",
        encrypt(SIGNED),
        twin="rsa-sha256-assertion",
        sp_keys=["sp-p256"],
    )
    for name, document, twin in (
        ("assertion", SIGNED, "algorithms-narrowed"),
        ("weaker-hash", sign(MESSAGE, ecdsa("p384", "sha384")), "algorithms-narrowed"),
        ("one-of-two", sign_response(sign(MESSAGE, ecdsa("p256"))), "algorithms-narrowed"),
    ):
        corpus.refuse(
            f"algorithms-not-listed-{name}",
            "An algorithm that is accepted, but is not among those that the owner lists for this identity provider.",
            "signature-algorithm",
            document,
            twin=twin,
            algorithms=["ecdsa-sha256"],
        )
    corpus.refuse(
        "rsa-sha1-after-the-day",
        "RSA with SHA-1, at the very moment at which the exception ends.",
        "signature-algorithm",
        sign(MESSAGE, Signing(hash="sha1", digest="sha1")),
        sha1_until=0,
    )
    corpus.refuse(
        "digest-sha1-after-the-day",
        "A SHA-1 digest under RSA with SHA-256, after the exception.",
        "digest-algorithm",
        sign(MESSAGE, Signing(digest="sha1")),
        sha1_until=-86400,
    )
    corpus.refuse(
        "ecdsa-sha1-although-allowed",
        "ECDSA with SHA-1: the exception is for RSA alone.",
        "signature-algorithm",
        sign(MESSAGE, Signing(key="idp-p256", kind="ecdsa", hash="sha1")),
        twin="rsa-sha1-allowed",
        sha1_until=864000,
    )
    corpus.refuse(
        "rsa-sha1-tampered-although-allowed",
        "SHA-1 is allowed, and the name was changed after signing.",
        "digest-mismatch",
        edit(sign(MESSAGE, Signing(hash="sha1", digest="sha1")), f">{ALICE}</saml:NameID>", f">{VICTIM}</saml:NameID>"),
        twin="rsa-sha1-allowed",
        sha1_until=864000,
    )


def shapes(corpus):
    corpus.group = "encryption: shapes and references"
    good = encrypt(SIGNED)
    inside = element(good, "saml:EncryptedAssertion")
    data = element(good, "xenc:EncryptedData")

    def changed(name, story, expect, *pairs, text=good):
        for old, new in pairs:
            text = edit(text, old, new)
        refuse(corpus, f"encrypted-{name}", story, expect, text)

    close = "</xenc:EncryptedData></saml:EncryptedAssertion>"
    changed("empty", "EncryptedAssertion with nothing in it.", SHAPE, (inside, "<saml:EncryptedAssertion/>"))
    changed(
        "data-twice",
        "Two EncryptedData: which of them counts?",
        SHAPE,
        (close, f"</xenc:EncryptedData>{data.replace('_data', '_data2').replace('_key0', '_key1')}</saml:EncryptedAssertion>"),
    )
    changed("beside-foreign", "A foreign element beside EncryptedData.", SHAPE, (close, "</xenc:EncryptedData><v xmlns='urn:v'/></saml:EncryptedAssertion>"))
    changed("text", "Text beside EncryptedData.", SHAPE, (close, "</xenc:EncryptedData>x</saml:EncryptedAssertion>"))
    changed("without-keys", "No EncryptedKey at all.", SHAPE, (element(good, "xenc:EncryptedKey"), ""))
    changed(
        "type-content",
        "EncryptedData says that it holds the content of an element, not one.",
        SHAPE,
        (f'Type="{XENC}Element"', f'Type="{XENC}Content"'),
    )
    changed("without-method", "The content's EncryptionMethod is missing.", SHAPE, (f'<xenc:EncryptionMethod Algorithm="{XENC11}aes128-gcm"/>', ""))
    changed(
        "method-twice",
        "Two EncryptionMethods for the content.",
        SHAPE,
        (f'<xenc:EncryptionMethod Algorithm="{XENC11}aes128-gcm"/>', f'<xenc:EncryptionMethod Algorithm="{XENC11}aes128-gcm"/>' * 2),
    )
    values = [piece.split("</xenc:CipherValue>")[0] for piece in good.split("<xenc:CipherValue>")[1:]]
    changed("value-not-base64", "The ciphertext is not base64.", SHAPE, (f">{values[1]}<", f">{values[1][:-4]}!!!!<"))
    changed("value-empty", "The ciphertext is empty.", SHAPE, (f">{values[1]}<", "><"))
    changed(
        "value-twice",
        "Two CipherValues in one CipherData.",
        SHAPE,
        (f"<xenc:CipherValue>{values[1]}</xenc:CipherValue>", f"<xenc:CipherValue>{values[1]}</xenc:CipherValue>" * 2),
    )
    changed("value-element", "An element in CipherValue.", SHAPE, (f">{values[1]}<", f">{values[1]}<xenc:x/><"))
    refuse(
        corpus,
        "encrypted-nine-keys",
        "Nine EncryptedKeys: each would cost us an operation.",
        SHAPE,
        encrypt(SIGNED, Recipe(to=("other-sp-rsa",) * 8 + ("sp-rsa",))),
    )
    changed(
        "foreign-namespace",
        "EncryptedData in another namespace.",
        "xml-namespace-foreign",
        (f'<xenc:EncryptedData xmlns:xenc="{XENC}"', '<xenc:EncryptedData xmlns:xenc="urn:example:xenc"'),
        (f'<xenc:EncryptedKey xmlns:xenc="{XENC}"', '<xenc:EncryptedKey xmlns:xenc="urn:example:xenc"'),
    )
    changed("same-ids", "EncryptedData and EncryptedKey carry the same Id.", "xml-id-duplicate", ('Id="_key0"', 'Id="_data"'))
    changed("id-of-response", "EncryptedData carries the response's ID.", "xml-id-duplicate", ('Id="_data"', 'Id="_response"'))
    for name, uri, words in (
        ("http", "http://attacker.example/x", "over http"),
        ("file", "file:///etc/passwd", "in a file"),
        ("same-document", "#_response", "elsewhere in the document"),
        ("nowhere", "", "nowhere"),
    ):
        refuse(
            corpus,
            f"encrypted-cipher-reference-{name}",
            f"The content lies {words} (CipherReference).",
            REFERENCE,
            encrypt(SIGNED, Recipe(data=f'<xenc:CipherReference URI="{uri}"/>')),
        )
    for name, uri in (
        ("http", "http://attacker.example/key"),
        ("file", "file:///etc/passwd"),
        ("other-element", "#_response"),
        ("unknown", "#_key9"),
        ("empty", ""),
        ("xpointer", "#xpointer(id('_key0'))"),
    ):
        refuse(
            corpus,
            f"encrypted-retrieval-{name}",
            f"A RetrievalMethod leads to {uri or 'the whole document'}.",
            REFERENCE,
            encrypt(SIGNED, Recipe(beside=True, retrieval=uri)),
            twin="encrypted-key-retrieved",
        )
    refuse(
        corpus,
        "encrypted-retrieval-inside",
        "A RetrievalMethod to a key that stands in the same KeyInfo, not beside the content.",
        REFERENCE,
        encrypt(SIGNED, Recipe(retrieval="#_key0")),
        twin="encrypted-key-retrieved",
    )
    refuse(
        corpus,
        "encrypted-retrieval-transformed",
        "A RetrievalMethod with an XSLT transform.",
        REFERENCE,
        encrypt(
            SIGNED,
            Recipe(
                beside=True,
                retrieval="#_key0",
                retrieval_content='<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/></ds:Transforms>',
            ),
        ),
        twin="encrypted-key-retrieved",
    )


def algorithms(corpus):
    corpus.group = "encryption: algorithms"
    refuse(
        corpus,
        "encrypted-3des",
        "3DES, the default of pysaml2: well made, and refused by name.",
        ALGORITHM,
        encrypt(SIGNED, Recipe(cipher="tripledes-cbc")),
    )
    for name, method in (
        ("unknown", "urn:example:cipher"),
        ("empty", ""),
        ("capitals", XENC11 + "AES128-GCM"),
        ("old-name-of-gcm", XENC + "aes128-gcm"),
        ("chacha", "http://www.w3.org/2007/05/xmldsig-more#chacha20poly1305"),
    ):
        refuse(
            corpus,
            f"encrypted-cipher-{name}",
            f"The cipher is called {method or 'nothing'}.",
            ALGORITHM,
            encrypt(SIGNED, Recipe(method=method)),
        )
    refuse(
        corpus,
        "encrypted-rsa-1-5",
        "PKCS #1 v1.5 for the key: well made, and refused by name (Bleichenbacher).",
        TRANSPORT,
        encrypt(SIGNED, Recipe(transport="rsa-1_5")),
    )
    refuse(
        corpus,
        "encrypted-shared-key",
        "The key is wrapped with a key that both sides should know.",
        TRANSPORT,
        encrypt(SIGNED, Recipe(transport="kw-aes128", wrapped=bytes(24))),
    )
    refuse(
        corpus,
        "encrypted-agreed-key",
        "The key is agreed on by ECDH.",
        TRANSPORT,
        encrypt(
            SIGNED,
            Recipe(
                key_info=f'<xenc:AgreementMethod xmlns:xenc="{XENC}" Algorithm="http://www.w3.org/2009/xmlenc11#ECDH-ES"/>'
            ),
        ),
    )
    refuse(
        corpus,
        "encrypted-oaep-label",
        "RSA-OAEP with a label.",
        TRANSPORT,
        encrypt(SIGNED, Recipe(label=b"label", key_method="<xenc:OAEPparams>bGFiZWw=</xenc:OAEPparams>")),
    )
    refuse(
        corpus,
        "encrypted-oaep-md5",
        "RSA-OAEP that says MD5.",
        TRANSPORT,
        encrypt(SIGNED, Recipe(said_digest="http://www.w3.org/2001/04/xmldsig-more#md5")),
    )
    refuse(
        corpus,
        "encrypted-oaep-mask-unknown",
        "RSA-OAEP with an unknown mask.",
        TRANSPORT,
        encrypt(SIGNED, Recipe(transport="rsa-oaep", key_method=f'<x:MGF xmlns:x="{XENC11}" Algorithm="{XENC11}mgf1md5"/>')),
    )
    refuse(
        corpus,
        "encrypted-oaep-digest-twice",
        "RSA-OAEP with two DigestMethods.",
        SHAPE,
        encrypt(SIGNED, Recipe(key_method=f'<ds:DigestMethod xmlns:ds="{DSIG}" Algorithm="{XENC}sha256"/>')),
    )
    refuse(
        corpus,
        "encrypted-oaep-foreign-parameter",
        "A foreign parameter of RSA-OAEP.",
        SHAPE,
        encrypt(SIGNED, Recipe(key_method="<v xmlns='urn:v'/>")),
    )


def flipped(position):
    """Changes one bit."""

    def change(octets):
        changed = bytearray(octets)
        changed[position] ^= 1
        return bytes(changed)

    return change


def ciphertexts(corpus):
    corpus.group = "encryption: ciphertexts"
    refuse(
        corpus,
        "encrypted-for-another",
        "Encrypted for another service's key.",
        KEY,
        encrypt(SIGNED, Recipe(to=("other-sp-rsa",))),
    )
    refuse(
        corpus,
        "encrypted-for-another-in-our-name",
        "Encrypted for another service's key, with us as the Recipient.",
        KEY,
        encrypt(SIGNED, Recipe(to=("other-sp-rsa",), recipients=(SP,))),
    )
    refuse(
        corpus,
        "encrypted-ours-behind-many",
        "Our key is the last of eight that all name nobody: four are tried.",
        KEY,
        encrypt(SIGNED, Recipe(to=("other-sp-rsa",) * 7 + ("sp-rsa",))),
    )
    refuse(
        corpus,
        "encrypted-for-retired-key",
        "Encrypted for a key that we no longer have.",
        KEY,
        encrypt(SIGNED),
        twin="encrypted-for-the-next-key",
        sp_keys=["sp-rsa-next"],
    )
    refuse(
        corpus,
        "encrypted-oaep-named-wrong",
        "Encrypted with SHA-1 in OAEP, said to be SHA-256.",
        KEY,
        encrypt(SIGNED, Recipe(said_digest=XENC + "sha256")),
    )
    for name, cipher, length in (("short", "aes256-gcm", 16), ("long", "aes128-gcm", 32), ("empty", "aes128-gcm", 0)):
        key = bytes(range(length))
        refuse(
            corpus,
            f"encrypted-key-too-{name}",
            "The EncryptedKey opens to a key of another length than the cipher's.",
            KEY,
            encrypt(SIGNED, Recipe(cipher=cipher, wrapped=wrapped_key(key))),
        )
    refuse(corpus, "encrypted-key-zeros", "The EncryptedKey is all zeros.", KEY, encrypt(SIGNED, Recipe(wrapped=bytes(256))))
    refuse(corpus, "encrypted-key-ones", "The EncryptedKey is larger than the modulus.", KEY, encrypt(SIGNED, Recipe(wrapped=b"\xff" * 256)))
    refuse(corpus, "encrypted-key-cut", "The EncryptedKey is one octet short.", KEY, encrypt(SIGNED, Recipe(wrapped=bytes(255))))

    other = encrypted(FORGED, Recipe(), "saml:EncryptedAssertion")
    refuse(
        corpus,
        "encrypted-key-swapped",
        "The content of one message with the EncryptedKey of another.",
        CONTENT,
        edit(encrypt(SIGNED), element(encrypt(SIGNED), "xenc:EncryptedKey"), element(other, "xenc:EncryptedKey")),
    )
    gcm = {
        "nonce": ("the nonce", flipped(0)),
        "content": ("the content", flipped(500)),
        "tag": ("the tag", flipped(-1)),
        "cut": ("the length", lambda octets: octets[:-1]),
        "tag-only": ("everything but nonce and tag", lambda octets: octets[:12] + octets[-16:]),
        "short": ("everything but eleven octets", lambda octets: octets[:11]),
        "tag-cut-to-12": ("the length of the tag", lambda octets: octets[:-4]),
    }
    for name, (words, change) in gcm.items():
        refuse(
            corpus,
            f"encrypted-gcm-{name}",
            f"GCM: {words} was changed.",
            CONTENT,
            encrypt(SIGNED, Recipe(octets=change)),
        )

    def cbc(name, story, expect, **changes):
        recipe = with_changes(Recipe(cipher="aes128-cbc"), **changes)
        refuse(corpus, f"encrypted-cbc-{name}", story, expect, encrypt(SIGNED, recipe), twin=CBC_TWIN)

    missing = 16 - len(PLAIN.encode()) % 16
    cbc("padding-zero", "CBC: the padding says that it has no octet.", CONTENT, padding=bytes(missing))
    cbc("padding-17", "CBC: the padding says that it is longer than a block.", CONTENT, padding=b"\x11" * missing)
    cbc("padding-255", "CBC: the padding says 255.", CONTENT, padding=b"\xff" * missing)
    cbc("padding-one-more", "CBC: the padding takes one octet of the content.", PLAINTEXT, padding=bytes(missing - 1) + bytes([missing + 1]) if missing < 16 else bytes(15) + b"\x0f")
    cbc("cut", "CBC: the last octet is missing.", CONTENT, octets=lambda octets: octets[:-1])
    cbc("block-cut", "CBC: the last block is missing.", CONTENT, octets=last_block_garbage)
    cbc("vector-only", "CBC: a vector and no block.", CONTENT, octets=lambda octets: octets[:16])
    cbc("vector-short", "CBC: half a vector.", CONTENT, octets=lambda octets: octets[:8])
    cbc(
        "first-octet",
        "CBC: the vector is changed so that the first octet of the plaintext is another one.",
        PLAINTEXT,
        octets=flipped(0),
    )
    cbc(
        "garbage-block",
        "CBC: a block in the middle is changed, and decrypts to garbage.",
        PLAINTEXT,
        octets=flipped(16 * 20),
    )
    cbc(
        "name-changed",
        "CBC: the vector is changed so that the plaintext's first prefix is another one, which nobody declared.",
        PLAINTEXT,
        octets=flipped(4),
    )
    refuse(
        corpus,
        "encrypted-cbc-named-gcm",
        "CBC that is called GCM.",
        CONTENT,
        encrypt(SIGNED, Recipe(cipher="aes128-cbc", method=XENC11 + "aes128-gcm")),
        twin=CBC_TWIN,
    )


def wrapped_key(key):
    return oaep("sp-rsa", key, "sha1", "sha1")


def last_block_garbage(octets):
    """The ciphertext without its last block: now another octet says how much is padding."""
    return octets[: 16 * 20]


def insides(corpus):
    corpus.group = "encryption: what is inside"

    def inside(name, story, expect, content, **more):
        refuse(corpus, f"encrypted-inside-{name}", story, expect, holding(content), **more)

    evil = element(FORGED, "saml:Assertion").replace('ID="_assertion"', 'ID="_evil"')
    inside("nothing", "The plaintext is empty.", PLAINTEXT, "")
    inside("blank", "The plaintext is white space.", PLAINTEXT, " \n ")
    inside("text", "The plaintext is text.", PLAINTEXT, "alice@example.com")
    inside("garbage", "The plaintext is no UTF-8.", PLAINTEXT, bytes(range(128, 256)))
    inside("zeros", "The plaintext is zeros.", PLAINTEXT, bytes(64))
    inside("utf-16", "The plaintext is UTF-16.", PLAINTEXT, PLAIN.encode("utf-16"))
    inside("unclosed", "The plaintext's element is not closed.", PLAINTEXT, PLAIN[: -len("</saml:Assertion>")])
    inside("other-element", "The plaintext is a NameID.", PLAINTEXT, declared(NAME_ID))
    inside("response", "The plaintext is a whole signed response.", PLAINTEXT, SIGNED)
    inside("two", "The plaintext is two assertions, one of them signed.", PLAINTEXT, PLAIN + evil)
    inside("two-evil-first", "The same, the evil one first.", PLAINTEXT, evil + PLAIN)
    inside("with-text", "Text follows the assertion.", PLAINTEXT, PLAIN + "x")
    inside("nested", "The plaintext is an EncryptedAssertion.", PLAINTEXT, declared(encrypted(PLAIN)))
    inside(
        "nested-in-advice",
        "The assertion carries an EncryptedAssertion in its Advice.",
        "assertion-count",
        after(PLAIN, "</saml:Conditions>", f"<saml:Advice>{encrypted(PLAIN)}</saml:Advice>"),
    )
    inside(
        "closes-its-place",
        "The plaintext closes the element around it and opens another one.",
        PLAINTEXT,
        f"</decrypted><decrypted>{PLAIN}",
    )
    inside(
        "closes-encrypted-assertion",
        "The plaintext closes EncryptedAssertion and puts an assertion beside it.",
        PLAINTEXT,
        f"</saml:EncryptedAssertion>{evil}<saml:EncryptedAssertion>{PLAIN}",
    )
    inside("comment-open", "The plaintext opens a comment that it does not close.", PLAINTEXT, PLAIN + "<!--")
    inside("declaration", "An XML declaration in the plaintext.", PLAINTEXT, '<?xml version="1.0"?>' + PLAIN)
    inside("instruction", "A processing instruction in the plaintext.", "xml-processing-instruction", edit(PLAIN, NAME_ID, f"<?x y?>{NAME_ID}"))
    inside("instruction-around", "A processing instruction around the assertion.", "xml-processing-instruction", "<?x y?>" + PLAIN)
    inside("doctype", "A document type declaration in the plaintext.", PLAINTEXT, "<!DOCTYPE a [<!ENTITY e 'x'>]>" + PLAIN)
    inside("entity", "An entity in the plaintext.", PLAINTEXT, edit(PLAIN, f">{ALICE}</saml:NameID>", ">&evil;</saml:NameID>"))
    inside("deep", "Elements nested deeper than the limit.", "xml-too-deep", edit(PLAIN, NAME_ID, NAME_ID + "<a>" * 70 + "</a>" * 70))
    inside(
        "crowded",
        "An element with 70 attributes.",
        "xml-crowded",
        edit(PLAIN, NAME_ID, NAME_ID + "<a " + " ".join(f"a{n}='x'" for n in range(70)) + "/>"),
    )
    inside("relative-namespace", "A relative namespace.", "xml-namespace-relative", edit(PLAIN, NAME_ID, NAME_ID + "<a xmlns='relative'/>"))
    inside("foreign-namespace", "An Issuer in another namespace.", "xml-namespace-foreign", edit(PLAIN, NAME_ID, NAME_ID + "<Issuer xmlns='urn:x'/>"))
    inside("same-id-twice", "Two elements with one ID.", "xml-id-duplicate", edit(PLAIN, NAME_ID, NAME_ID + "<a ID='_assertion'/>"))
    inside(
        "id-of-response",
        "The assertion has the ID of the response around it.",
        "xml-id-duplicate",
        element(sign(edit(MESSAGE, 'ID="_assertion"', 'ID="_other"'), identifier="_other"), "saml:Assertion").replace("_other", "_response"),
    )
    inside("id-of-data", "An element inside has the Id of EncryptedData.", "xml-id-duplicate", edit(PLAIN, NAME_ID, NAME_ID + "<a Id='_data'/>"))


def signatures(corpus):
    corpus.group = "encryption: signatures inside and around"
    unsigned = ASSERTION_TEXT

    def inside(name, story, expect, content, **more):
        refuse(corpus, f"encrypted-{name}", story, expect, holding(content), **more)

    forged = sign(MESSAGE.replace(ALICE, VICTIM), Signing(key="evil-rsa"))
    inside("unsigned", "Nothing is signed: anybody can encrypt for us.", "signature-missing", unsigned)
    inside("signed-by-evil", "Signed inside by the attacker.", "signature-invalid", element(forged, "saml:Assertion"))
    inside(
        "tampered-inside",
        "The name inside was changed after it was signed.",
        "digest-mismatch",
        PLAIN.replace(f">{ALICE}</saml:NameID>", f">{VICTIM}</saml:NameID>"),
    )
    inside("sha1-inside", "Signed inside with SHA-1.", "signature-algorithm", element(sign(MESSAGE, Signing(hash="sha1", digest="sha1")), "saml:Assertion"))
    inside(
        "hmac-inside",
        "Signed inside with an HMAC whose key is public.",
        "signature-algorithm",
        element(sign(MESSAGE, Signing(kind="hmac", secret=keys.certificate_der("idp-rsa"))), "saml:Assertion"),
    )
    evil = PLAIN.replace('ID="_assertion"', 'ID="_evil"', 1).replace(f">{ALICE}</saml:NameID>", f">{VICTIM}</saml:NameID>")
    evil = without(evil, "ds:Signature")
    signature = element(PLAIN, "ds:Signature")
    bare = without(PLAIN, "ds:Signature")
    inside(
        "xsw-signature-moved",
        "Wrapping inside: an evil assertion carries the signature of another one, which is not there.",
        "signature-reference",
        after(evil, "</saml:Issuer>", signature),
    )
    inside(
        "xsw-original-in-advice",
        "Wrapping inside: an evil assertion carries the signed one in its Advice.",
        "assertion-count",
        after(evil, "</saml:Conditions>", f"<saml:Advice>{PLAIN}</saml:Advice>"),
    )
    inside(
        "xsw-original-in-signature",
        "Wrapping inside: the signature of an evil assertion holds the signed one.",
        "assertion-count",
        after(evil, "</saml:Issuer>", signature.replace("</ds:Signature>", f"<ds:Object>{bare}</ds:Object></ds:Signature>")),
    )
    inside(
        "comment-in-signature",
        "A comment inside the inner signature.",
        "signature-comment",
        PLAIN.replace("<ds:DigestValue>", "<ds:DigestValue><!-- -->"),
    )
    inside("signature-twice", "Two signatures inside.", "signature-several", after(PLAIN, "</ds:Signature>", signature))
    inside("signature-misplaced", "The signature stands in the Subject.", "signature-misplaced", after(bare, "<saml:Subject>", signature))

    # Around.
    good = sign_response(encrypt(MESSAGE))
    refuse(
        corpus,
        "encrypted-response-ciphertext-changed",
        "The response was signed over another ciphertext.",
        "digest-mismatch",
        edit(good, element(good, "saml:EncryptedAssertion"), encrypted(element(MESSAGE.replace(ALICE, VICTIM), "saml:Assertion"))),
        twin="encrypted-response-signed",
    )
    refuse(
        corpus,
        "encrypted-response-signature-stripped",
        "The response's signature was taken away, and nothing is signed inside.",
        "signature-missing",
        without(good, "ds:Signature"),
        twin="encrypted-response-signed",
    )
    refuse(
        corpus,
        "encrypted-response-signed-by-evil",
        "The attacker signed the response and left the inner signature.",
        "signature-invalid",
        sign_response(encrypt(SIGNED), Signing(key="evil-rsa")),
        twin="encrypted-both-signed",
    )
    refuse(
        corpus,
        "encrypted-response-signed-inner-forged",
        "The response is well signed, and the signature inside is the attacker's.",
        "signature-invalid",
        sign_response(encrypt(sign(MESSAGE, Signing(key="evil-rsa")))),
        twin="encrypted-both-signed",
    )
    refuse(
        corpus,
        "encrypted-response-signed-cbc-tampered",
        "The response is well signed over a CBC ciphertext that was then changed: refused before it is opened.",
        "digest-mismatch",
        tampered_after_signing(),
        twin="encrypted-cbc-both-signed",
    )
    refuse(
        corpus,
        "encrypted-response-for-another",
        "The response is well signed, and its assertion is encrypted for another service.",
        KEY,
        sign_response(encrypt(MESSAGE, Recipe(to=("other-sp-rsa",)))),
        twin="encrypted-response-signed",
    )
    refuse(
        corpus,
        "encrypted-beside-plain",
        "An assertion of the attacker's, encrypted for us, stands beside the signed one.",
        "assertion-count",
        after(SIGNED, "</saml:Assertion>", encrypted(element(forged, "saml:Assertion").replace("_assertion", "_evil"))),
        twin="rsa-sha256-assertion",
    )
    refuse(
        corpus,
        "encrypted-two",
        "Two encrypted assertions.",
        "assertion-count",
        after(encrypt(SIGNED), "</saml:EncryptedAssertion>", encrypted(PLAIN, Recipe(data_id="_data2")).replace('"_key0"', '"_key9"')),
    )
    refuse(
        corpus,
        "encrypted-misplaced",
        "The encrypted assertion stands in Extensions.",
        "assertion-misplaced",
        misplaced(),
    )
    refuse(
        corpus,
        "encrypted-require-signed-response",
        "`require_signed: response`, and only the assertion inside is signed.",
        "signature-missing-response",
        encrypt(SIGNED),
        twin="encrypted-both-signed",
        require_signed="response",
    )
    refuse(
        corpus,
        "encrypted-require-signed-assertion",
        "`require_signed: assertion`, and only the response around is signed.",
        "signature-missing-assertion",
        good,
        twin="encrypted-both-signed",
        require_signed="assertion",
    )
    for name, expect, old, new in (
        ("audience", "audience-mismatch", f">{SP}</saml:Audience>", ">https://other.example.com</saml:Audience>"),
        ("expired", "confirmation-expired", at(300), at(-61)),
        ("recipient", "recipient-mismatch", f'Recipient="{ACS}"', 'Recipient="https://other.example.com/acs"'),
    ):
        refuse(
            corpus,
            f"encrypted-then-{name}",
            "Well encrypted and well signed; the profile's rules hold as for any other assertion.",
            expect,
            encrypt(sign(edit(MESSAGE, old, new))),
        )


def tampered_after_signing():
    text = sign_response(encrypt(SIGNED, Recipe(cipher="aes128-cbc")))
    changed = encrypt(SIGNED, Recipe(cipher="aes128-cbc", octets=flipped(40)))
    return edit(text, element(text, "saml:EncryptedAssertion"), element(changed, "saml:EncryptedAssertion"))


def misplaced():
    text = encrypt(SIGNED)
    inside = element(text, "saml:EncryptedAssertion")
    return edit(edit(text, inside, ""), "<samlp:Status>", f"<samlp:Extensions>{inside}</samlp:Extensions>\n  <samlp:Status>")


def names(corpus):
    corpus.group = "encryption: names and attributes that are refused"

    def name(title, story, expect, content, recipe=Recipe(), twin="encrypted-nameid", **more):
        text = sign(edit(MESSAGE, NAME_ID, encrypted(content, recipe, "saml:EncryptedID")))
        refuse(corpus, f"encrypted-nameid-{title}", story, expect, text, twin=twin, **more)

    corpus.refuse(
        "encrypted-nameid-no-key",
        "The NameID is encrypted and we have no key.",
        "nameid-encrypted",
        sign(edit(MESSAGE, NAME_ID, encrypted(declared(NAME_ID), name="saml:EncryptedID"))),
    )
    name("for-another", "The NameID is encrypted for another service.", KEY, declared(NAME_ID), Recipe(to=("other-sp-rsa",)))
    name("tampered", "The NameID's ciphertext does not open.", CONTENT, declared(NAME_ID), Recipe(octets=flipped(20)))
    name("attribute", "An attribute where the NameID should be.", PLAINTEXT, declared('<saml:Attribute Name="x"/>'))
    name("two", "Two NameIDs in one ciphertext.", PLAINTEXT, declared(NAME_ID) * 2)
    name("assertion", "An assertion where the NameID should be.", "assertion-count", ASSERTION_TEXT.replace("_assertion", "_inner"))
    name("signature", "A signature where the NameID should be.", "signature-misplaced", element(SIGNED, "ds:Signature"))
    name("empty", "The NameID in the ciphertext is empty.", "nameid-missing", declared("<saml:NameID></saml:NameID>"))
    name("3des", "The NameID is encrypted with 3DES.", ALGORITHM, declared(NAME_ID), Recipe(cipher="tripledes-cbc"))
    refuse(
        corpus,
        "encrypted-nameid-beside-plain",
        "A NameID stands beside an encrypted one.",
        "assertion-malformed",
        sign(edit(MESSAGE, NAME_ID, NAME_ID + encrypted(declared(NAME_ID), name="saml:EncryptedID"))),
        twin="encrypted-nameid",
    )
    for title, story, expect, content, recipe in (
        ("for-another", "An attribute is encrypted for another service.", KEY, declared('<saml:Attribute Name="x"/>'), Recipe(to=("other-sp-rsa",))),
        ("nameid", "A NameID where the attribute should be.", PLAINTEXT, declared(NAME_ID), Recipe()),
        ("nameless", "The attribute in the ciphertext has no name.", "assertion-malformed", declared("<saml:Attribute></saml:Attribute>"), Recipe()),
        ("statement", "A whole statement where the attribute should be.", PLAINTEXT, declared(ATTRIBUTE_STATEMENT), Recipe()),
    ):
        one = encrypted(content, recipe, "saml:EncryptedAttribute")
        refuse(
            corpus,
            f"encrypted-attribute-{title}",
            story,
            expect,
            sign(edit(MESSAGE, "\n    </saml:AttributeStatement>", one + "\n    </saml:AttributeStatement>")),
            twin="encrypted-attribute-opened",
        )
    one = encrypted(declared('<saml:Attribute Name="x"/>'), Recipe(), "saml:EncryptedAttribute")
    many = "".join(one.replace("_data", f"_data{n}").replace("_key0", f"_key{n}") for n in range(33))
    refuse(
        corpus,
        "encrypted-attributes-33",
        "Thirty-three encrypted attributes: each costs us an operation.",
        SHAPE,
        sign(edit(MESSAGE, "\n    </saml:AttributeStatement>", many + "\n    </saml:AttributeStatement>")),
        twin="encrypted-attribute-opened",
    )
