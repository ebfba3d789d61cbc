"""Messages that are cheap to send and dear to read: each must be refused after little work."""

from .corpus import Form
from .signer import EXCLUSIVE, sign, transform
from .text import MESSAGE, edit, element
from .world import XPATH

TOO_LARGE = "message-too-large"
DEEP = "xml-too-deep"
LIMIT = 256 * 1024


def add(corpus):
    corpus.group = "floods"
    signed = sign(MESSAGE)

    def extended(content):
        return edit(
            signed, "  <samlp:Status>", f"  <samlp:Extensions>{content}</samlp:Extensions>\n  <samlp:Status>"
        )

    corpus.refuse(
        "flood-one-octet-too-large",
        "The message is one octet larger than the limit of 256 KiB.",
        TOO_LARGE,
        signed + " " * (LIMIT + 1 - len(signed.encode())),
    )
    corpus.refuse(
        "flood-form-too-large",
        "The form value is larger than the base64 of any allowed message; it must not be decoded.",
        TOO_LARGE,
        Form("QUFB" * 100_000),
    )
    corpus.refuse(
        "flood-depth-65", "One element deeper than the limit of 64.", DEEP, extended("<a>" * 63 + "</a>" * 63)
    )
    corpus.refuse(
        "flood-depth-10000", "Ten thousand nested elements.", DEEP, extended("<a>" * 10_000 + "</a>" * 10_000)
    )
    corpus.refuse(
        "flood-depth-unclosed", "Sixty thousand opened elements and nothing else.", DEEP, "<a>" * 60_000
    )
    attributes = "".join(f' a{n}="{n}"' for n in range(10_000))
    corpus.refuse(
        "flood-attributes",
        "Ten thousand attributes on one element: parsers compare each with each.",
        "xml-crowded",
        edit(MESSAGE, "<samlp:Status>", f"<samlp:Status{attributes}>"),
    )
    declarations = "".join(f' xmlns:n{n}="urn:{n}"' for n in range(8_000))
    corpus.refuse(
        "flood-namespaces",
        "Eight thousand namespace declarations on the root of a message whose signature is the attacker's.",
        "xml-crowded",
        evil_signed(edit(MESSAGE, "<samlp:Response ", f"<samlp:Response{declarations} ")),
    )
    nested = "".join(f'<x xmlns:n{n}="urn:{n}">' for n in range(55)) + "<y/>" * 10_000 + "</x>" * 55
    corpus.refuse(
        "flood-namespaces-in-scope",
        "Ten thousand elements, each with fifty declarations in scope, under the attacker's signature of the response.",
        "signature-invalid",
        evil_signed_response(
            edit(
                MESSAGE,
                "  <samlp:Status>",
                f"  <samlp:Extensions>{nested}</samlp:Extensions>\n  <samlp:Status>",
            )
        ),
    )
    corpus.refuse(
        "flood-elements",
        "Forty thousand elements, unsigned.",
        "signature-missing",
        edit(
            MESSAGE,
            "  <samlp:Status>",
            f"  <samlp:Extensions>{'<y/>' * 40_000}</samlp:Extensions>\n  <samlp:Status>",
        ),
    )
    reference = element(signed, "ds:Reference")
    corpus.refuse(
        "flood-references",
        "Five hundred references: some verifiers digest them all before they look at the signature.",
        "signature-reference",
        edit(signed, reference, reference * 500),
    )
    corpus.refuse(
        "flood-transforms",
        "Three thousand canonicalisations, one after the other.",
        "signature-transforms",
        edit(signed, "</ds:Transforms>", transform(EXCLUSIVE) * 3_000 + "</ds:Transforms>"),
    )
    xpath = transform(XPATH, "<ds:XPath>count(//*//*//*//*)</ds:XPath>")
    corpus.refuse(
        "flood-xpath",
        "A thousand dear XPath transforms.",
        "signature-transforms",
        edit(signed, "</ds:Transforms>", xpath * 1_000 + "</ds:Transforms>"),
    )
    signature = element(signed, "ds:Signature")
    corpus.refuse(
        "flood-signatures",
        "Eighty copies of the good signature.",
        "signature-misplaced",
        extended(signature * 80),
    )
    certificate = element(signed, "ds:X509Data")
    corpus.refuse(
        "flood-certificates",
        "Two hundred certificates in KeyInfo, and a signature of nobody's.",
        "signature-invalid",
        edit(evil_signed(MESSAGE), element(evil_signed(MESSAGE), "ds:X509Data"), certificate * 150),
    )
    corpus.refuse(
        "flood-assertions",
        "Sixty assertions.",
        "assertion-count",
        edit(
            signed,
            "</samlp:Response>",
            "".join(element(MESSAGE, "saml:Assertion").replace('"_assertion"', f'"_a{n}"') for n in range(60))
            + "</samlp:Response>",
        ),
    )
    corpus.refuse(
        "flood-ids",
        "Eight thousand IDs, the last one twice.",
        "xml-id-duplicate",
        extended("".join(f'<x ID="_{n}"/>' for n in range(8_000)) + '<x ID="_7999"/>'),
    )
    corpus.refuse(
        "flood-comments",
        "Twenty thousand comments, unsigned.",
        "signature-missing",
        edit(MESSAGE, "  <samlp:Status>", "<!---->" * 20_000 + "  <samlp:Status>"),
    )
    corpus.refuse(
        "flood-character-references",
        "Thirty thousand character references in the NameID of an unsigned message.",
        "signature-missing",
        edit(MESSAGE, ">alice@example.com</saml:NameID>", f">{'&#97;' * 30_000}</saml:NameID>"),
    )
    prefixes = " ".join(f"p{n}" for n in range(30_000))
    corpus.refuse(
        "flood-prefix-list",
        "An InclusiveNamespaces list of thirty thousand prefixes, under the attacker's signature.",
        "signature-transforms",
        edit(
            evil_signed(MESSAGE),
            transform(EXCLUSIVE) + "</ds:Transforms>",
            transform(EXCLUSIVE, f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{prefixes}"/>')
            + "</ds:Transforms>",
        ),
    )


def evil_signed(text):
    from .signer import Recipe

    return sign(text, Recipe(key="evil-rsa"))


def evil_signed_response(text):
    from .signer import Recipe, sign_response

    return sign_response(text, Recipe(key="evil-rsa"))
