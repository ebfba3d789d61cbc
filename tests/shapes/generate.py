"""Signs the templates: templates/NAME.xml becomes cases/NAME.xml. Run by tests/shapes/generate.sh.

A template is the text as the product writes it, with holes; the signer is libxmlsec1, which shares no code with the gate.
What it computes is put into the text and nothing else is touched, because order, prefixes, quotes, empty elements and
line breaks are what these files are about.
"""

import re
import sys
import textwrap
from pathlib import Path

import xmlsec
from lxml import etree

HERE = Path(__file__).resolve().parent
KEYS = HERE.parent / "attacks" / "keys"
DSIG = "{http://www.w3.org/2000/09/xmldsig#}"

SCENE = {
    "@SP@": "https://app.example.com/vestibule/saml/metadata",
    "@ACS@": "https://app.example.com/vestibule/saml/acs",
    "@REQUEST@": "_request-5f0c3a7b9d2e4186a1b2c3d4e5f60718",
}


def pem(name):
    return (KEYS / name).read_bytes()


def base64_of(certificate):
    lines = pem(f"{certificate}.crt.pem").decode().splitlines()
    return "".join(line for line in lines if not line.startswith("-----"))


def filled(text):
    """With everything but digests and signature values."""
    own = base64_of("idp-rsa")
    holes = SCENE | {
        "@CERT@": own,
        "@CERT64@": textwrap.fill(own, 64),
        "@CERT76@": textwrap.fill(own, 76),
        "@NEXTCERT@": base64_of("idp-rsa-next"),
        "@OTHERCERT@": base64_of("other-idp-rsa"),
    }
    for hole, value in holes.items():
        text = text.replace(hole, value)
    return text


def signed(text):
    """The last signature in the document is the innermost, so it goes first."""
    count = text.count("@DIGEST@")
    for _ in range(count):
        text = sign_last(text)
    return text


def sign_last(text):
    root = etree.fromstring(text.encode())
    xmlsec.tree.add_ids(root, ["ID"])
    node = [s for s in root.iter(f"{DSIG}Signature") if s.findtext(f".//{DSIG}DigestValue") == "@DIGEST@"][-1]
    digest, value = node.find(f".//{DSIG}DigestValue"), node.find(f"{DSIG}SignatureValue")
    digest.text = value.text = None
    key_info = node.find(f"{DSIG}KeyInfo")
    if key_info is not None:
        # Outside of what is signed, and nothing that the signer should fill in.
        key_info.tail = None
        node.remove(key_info)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem("idp-rsa.key.pem"), xmlsec.KeyFormat.PEM)
    context.sign(node)
    plain = "".join(value.text.split())
    text = put_last(text, "@DIGEST@", digest.text.strip())
    wide = text.rfind("@VALUE76@") > text.rfind("@VALUE@")
    return put_last(text, "@VALUE76@", textwrap.fill(plain, 76)) if wide else put_last(text, "@VALUE@", plain)


def put_last(text, hole, value):
    head, tail = text.rsplit(hole, 1)
    return head + value + tail


def check(text):
    """libxmlsec1 verifies what is in the file."""
    root = etree.fromstring(text.encode())
    xmlsec.tree.add_ids(root, ["ID"])
    for node in root.iter(f"{DSIG}Signature"):
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(pem("idp-rsa.crt.pem"), xmlsec.KeyFormat.CERT_PEM)
        context.verify(node)


def main():
    cases = HERE / "cases"
    cases.mkdir(exist_ok=True)
    for template in sorted((HERE / "templates").glob("*.xml")):
        text = signed(filled(template.read_text().rstrip("\n")))
        if re.search("@[A-Z0-9]+@", text):
            sys.exit(f"{template.name} has a hole left")
        check(text)
        (cases / template.name).write_text(text)


main()
