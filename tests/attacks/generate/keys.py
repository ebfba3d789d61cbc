"""The committed keys, and raw signatures made with them: deterministic, also where the algorithm wants randomness."""

import base64
import hashlib
import hmac

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .world import KEYS

HASHES = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def private_pem(name):
    return (KEYS / f"{name}.key.pem").read_bytes()


def certificate_pem(name):
    return (KEYS / f"{name}.crt.pem").read_bytes()


def private(name):
    return serialization.load_pem_private_key(private_pem(name), None)


def certificate_der(name):
    return x509.load_pem_x509_certificate(certificate_pem(name)).public_bytes(serialization.Encoding.DER)


def certificate_base64(name):
    return base64.b64encode(certificate_der(name)).decode()


def public_key_info(name, encoding=serialization.Encoding.DER):
    return private(name).public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def rsa_sign(name, hash_name, data):
    return private(name).sign(data, padding.PKCS1v15(), HASHES[hash_name]())


def ecdsa_pair(name, hash_name, data):
    """The two numbers of an ECDSA signature by RFC 6979, and their width in octets."""
    key = private(name)
    der = key.sign(data, ec.ECDSA(HASHES[hash_name](), deterministic_signing=True))
    return *decode_dss_signature(der), (key.curve.key_size + 7) // 8


def ecdsa_sign(name, hash_name, data):
    """The octets that XML Signature wants: r and s side by side, not DER."""
    r, s, width = ecdsa_pair(name, hash_name, data)
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def ecdsa_sign_der(name, hash_name, data):
    key = private(name)
    return key.sign(data, ec.ECDSA(HASHES[hash_name](), deterministic_signing=True))


def pss_sign(name, hash_name, data, salt_length=None):
    """RSASSA-PSS (RFC 8017, 8.1.1) with a salt derived from the data instead of a random one."""
    numbers = private(name).private_numbers()
    modulus = numbers.public_numbers.n
    bits = modulus.bit_length() - 1
    length = (bits + 7) // 8
    digest = hashlib.new(hash_name, data).digest()
    salt = hashlib.new(hash_name, b"salt" + data).digest()[:salt_length]
    inner = hashlib.new(hash_name, bytes(8) + digest + salt).digest()
    block = bytes(length - len(salt) - len(inner) - 2) + b"\x01" + salt
    mask = b"".join(
        hashlib.new(hash_name, inner + counter.to_bytes(4, "big")).digest()
        for counter in range(length // len(inner) + 1)
    )[: len(block)]
    masked = bytearray(a ^ b for a, b in zip(block, mask))
    masked[0] &= 0xFF >> (8 * length - bits)
    encoded = int.from_bytes(bytes(masked) + inner + b"\xbc", "big")
    return pow(encoded, numbers.d, modulus).to_bytes((modulus.bit_length() + 7) // 8, "big")


def cube_root_forgery(hash_name, data):
    """A "signature" for a key of exponent 3, made without it (Bleichenbacher 2006): a number whose cube begins like
    the encoded digest of PKCS #1 v1.5, with too little padding and chance behind the digest."""
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    begin = b"\x00\x01" + b"\xff" * 8 + b"\x00" + prefix + hashlib.new(hash_name, data).digest()
    wanted = int.from_bytes(begin.ljust(256, b"\xff"), "big")
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= wanted else (low, middle - 1)
    assert (low**3).to_bytes(256, "big").startswith(begin)
    return low.to_bytes(256, "big")


def dsa_sign(name, hash_name, data):
    """DSA with a nonce derived from the data: good enough for a signature that must be refused unread."""
    numbers = private(name).private_numbers()
    parameters = numbers.public_numbers.parameter_numbers
    nonce = int.from_bytes(hashlib.sha512(b"nonce" + data).digest(), "big") % (parameters.q - 1) + 1
    digest = int.from_bytes(hashlib.new(hash_name, data).digest()[: parameters.q.bit_length() // 8], "big")
    r = pow(parameters.g, nonce, parameters.p) % parameters.q
    s = pow(nonce, -1, parameters.q) * (digest + numbers.x * r) % parameters.q
    width = parameters.q.bit_length() // 8
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def hmac_sign(key, hash_name, data):
    return hmac.new(key, data, hash_name).digest()


def rsa_key_value(name):
    """The public key as ds:RSAKeyValue."""
    numbers = private(name).public_key().public_numbers()

    def encoded(number):
        return base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()

    return (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{encoded(numbers.n)}</ds:Modulus>"
        f"<ds:Exponent>{encoded(numbers.e)}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
    )


def is_rsa(name):
    return isinstance(private(name), rsa.RSAPrivateKey)
