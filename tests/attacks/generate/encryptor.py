"""Our own encryptor: it makes what `recipe` says, honest or not, and always the same octets.

RSA-OAEP is written out here by RFC 8017, because no library takes its seed from outside; AES is `cryptography`'s.
Nothing here is shared with the gate.
"""

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import Optional

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import keys
from .text import element
from .world import DSIG, DSIG_MORE, XENC, XENC11

DIGESTS = {
    "sha1": DSIG + "sha1",
    "sha256": XENC + "sha256",
    "sha384": DSIG_MORE + "sha384",
    "sha512": XENC + "sha512",
}


@dataclass(frozen=True)
class Recipe:
    """How something is encrypted. The defaults are those of Entra ID and Shibboleth, but for the mode."""

    to: tuple = ("sp-rsa",)
    """For whom: the names of keys."""
    cipher: str = "aes128-gcm"
    transport: str = "rsa-oaep-mgf1p"
    digest: Optional[str] = "sha1"
    """The hash function of OAEP; None: SHA-1, left unsaid."""
    mask: Optional[str] = None
    """That of its mask; None: SHA-1, left unsaid."""
    said_digest: Optional[str] = None
    """The DigestMethod that is written, where it is not the one that is used."""
    beside: bool = False
    """The keys stand beside EncryptedData, not in its KeyInfo."""
    retrieval: Optional[str] = None
    """The URI of a RetrievalMethod in KeyInfo."""
    retrieval_content: str = ""
    recipients: tuple = ()
    """The Recipient of each key."""
    key: Optional[bytes] = None
    """The content's key, where it is not made from the content."""
    wrapped: Optional[bytes] = None
    """The octets of the EncryptedKey."""
    padding: Optional[bytes] = None
    """What CBC is padded with."""
    octets: Optional[object] = None
    """Changes the octets of CipherValue."""
    type: Optional[str] = XENC + "Element"
    method: Optional[str] = None
    """The Algorithm that is written, where it is not the cipher's."""
    data: Optional[str] = None
    """The whole content of CipherData."""
    key_info: str = ""
    """More content of KeyInfo."""
    key_method: str = ""
    """More content of the key's EncryptionMethod."""
    key_content: str = ""
    """The KeyInfo of each EncryptedKey."""
    key_tail: str = ""
    """What follows its CipherData."""
    wrap: int = 0
    """Break base64 after so many characters."""
    label: bytes = b""
    data_id: str = "_data"


HONEST = Recipe()


def cipher_uri(name):
    return {
        "aes128-gcm": XENC11 + "aes128-gcm",
        "aes192-gcm": XENC11 + "aes192-gcm",
        "aes256-gcm": XENC11 + "aes256-gcm",
        "aes128-cbc": XENC + "aes128-cbc",
        "aes192-cbc": XENC + "aes192-cbc",
        "aes256-cbc": XENC + "aes256-cbc",
        "tripledes-cbc": XENC + "tripledes-cbc",
    }[name]


def transport_uri(name):
    return XENC11 + "rsa-oaep" if name == "rsa-oaep" else XENC + name


def derived(purpose, content, length):
    """Octets that look random and are the same in every run."""
    out = b""
    while len(out) < length:
        out += hashlib.sha256(purpose.encode() + len(out).to_bytes(4, "big") + content).digest()
    return out[:length]


def content_key(recipe, content):
    if recipe.key is not None:
        return recipe.key
    bits = 192 if recipe.cipher.startswith("triple") else int(recipe.cipher[3:6])
    return derived("key", content, bits // 8)


def sealed(recipe, content):
    """The octets of CipherValue."""
    key = content_key(recipe, content)
    if recipe.cipher.endswith("-gcm"):
        nonce = derived("nonce", content, 12)
        octets = nonce + AESGCM(key).encrypt(nonce, content, None)
    else:
        block = 8 if recipe.cipher.startswith("triple") else 16
        missing = block - len(content) % block
        # XML Encryption: arbitrary octets, and the last one says how many.
        padding = derived("padding", content, missing - 1) + bytes([missing])
        vector = derived("vector", content, block)
        algorithm = algorithms.AES(key)
        if block == 8:
            from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

            algorithm = TripleDES(key)
        encryptor = Cipher(algorithm, modes.CBC(vector)).encryptor()
        padded = content + (padding if recipe.padding is None else recipe.padding)
        octets = vector + encryptor.update(padded) + encryptor.finalize()
    return recipe.octets(octets) if recipe.octets else octets


def mgf1(hash_name, seed, length):
    out = b""
    while len(out) < length:
        counter = (len(out) // hashlib.new(hash_name).digest_size).to_bytes(4, "big")
        out += hashlib.new(hash_name, seed + counter).digest()
    return out[:length]


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


def oaep(name, message, digest, mask, label=b""):
    """RSAES-OAEP (RFC 8017, 7.1.1) with a seed that follows from the message."""
    numbers = keys.private(name).public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    hashed = hashlib.new(digest, label).digest()
    block = hashed + bytes(size - len(message) - 2 * len(hashed) - 2) + b"\x01" + message
    seed = derived("seed" + name, message, len(hashed))
    masked = xor(block, mgf1(mask, seed, len(block)))
    masked_seed = xor(seed, mgf1(mask, masked, len(seed)))
    encoded = int.from_bytes(b"\x00" + masked_seed + masked, "big")
    return pow(encoded, numbers.e, numbers.n).to_bytes(size, "big")


def pkcs1(name, message):
    """RSAES-PKCS1-v1_5 (RFC 8017, 7.2.1)."""
    numbers = keys.private(name).public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    padding = bytes(octet or 1 for octet in derived("pkcs1", message, size - len(message) - 3))
    return pow(int.from_bytes(b"\x00\x02" + padding + b"\x00" + message, "big"), numbers.e, numbers.n).to_bytes(
        size, "big"
    )


def wrapped(recipe, name, key):
    if recipe.wrapped is not None:
        return recipe.wrapped
    if recipe.transport == "rsa-1_5":
        return pkcs1(name, key)
    return oaep(name, key, recipe.digest or "sha1", recipe.mask or "sha1", recipe.label)


def encoded(octets, wrap=0):
    text = base64.b64encode(octets).decode()
    if not wrap:
        return text
    return "\n" + "\n".join(text[i : i + wrap] for i in range(0, len(text), wrap)) + "\n"


def encrypted_keys(recipe, content):
    key = content_key(recipe, content)
    out = []
    for number, name in enumerate(recipe.to):
        parameters = recipe.key_method
        digest = recipe.said_digest or (DIGESTS[recipe.digest] if recipe.digest else None)
        if digest and recipe.transport.startswith("rsa-oaep"):
            parameters += f'<ds:DigestMethod xmlns:ds="{DSIG}" Algorithm="{digest}"/>'
        if recipe.mask:
            parameters += f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{XENC11}mgf1{recipe.mask}"/>'
        recipient = f' Recipient="{recipe.recipients[number]}"' if recipe.recipients else ""
        out.append(
            f'<xenc:EncryptedKey xmlns:xenc="{XENC}" Id="_key{number}"{recipient}>'
            f'<xenc:EncryptionMethod Algorithm="{transport_uri(recipe.transport)}">{parameters}</xenc:EncryptionMethod>'
            + recipe.key_content
            + f"<xenc:CipherData><xenc:CipherValue>{encoded(wrapped(recipe, name, key), recipe.wrap)}"
            f"</xenc:CipherValue></xenc:CipherData>{recipe.key_tail}</xenc:EncryptedKey>"
        )
    return "".join(out)


def encrypted(content, recipe=HONEST, name="saml:EncryptedAssertion"):
    """The element of that name with the content encrypted in it."""
    octets = content if isinstance(content, bytes) else content.encode()
    inside = encrypted_keys(recipe, octets)
    info = recipe.key_info
    if recipe.retrieval is not None:
        info += (
            f'<ds:RetrievalMethod Type="{XENC}EncryptedKey" URI="{recipe.retrieval}">'
            f"{recipe.retrieval_content}</ds:RetrievalMethod>"
        )
    if not recipe.beside:
        info += inside
    kind = f' Type="{recipe.type}"' if recipe.type else ""
    data = recipe.data
    if data is None:
        data = f"<xenc:CipherValue>{encoded(sealed(recipe, octets), recipe.wrap)}</xenc:CipherValue>"
    return (
        f'<{name}><xenc:EncryptedData xmlns:xenc="{XENC}" Id="{recipe.data_id}"{kind}>'
        f'<xenc:EncryptionMethod Algorithm="{recipe.method if recipe.method is not None else cipher_uri(recipe.cipher)}"/>'
        + (f'<ds:KeyInfo xmlns:ds="{DSIG}">{info}</ds:KeyInfo>' if info else "")
        + f"<xenc:CipherData>{data}</xenc:CipherData></xenc:EncryptedData>"
        + (inside if recipe.beside else "")
        + f"</{name}>"
    )


def encrypt(text, recipe=HONEST):
    """The message with its assertion encrypted."""
    plain = element(text, "saml:Assertion")
    return text.replace(plain, encrypted(plain, recipe))


def with_changes(recipe, **changes):
    return replace(recipe, **changes)
