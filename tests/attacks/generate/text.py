"""Edits of XML as text: exact, and loud when they miss. A hostile document is mostly one that a serialiser would
never write, so the corpus is made of text, and parsed only to be digested."""

import re

from .world import HERE

MESSAGE = (HERE / "message.xml").read_text()


def edit(text, old, new, count=1):
    """Replaces `old`, which must occur exactly `count` times: an attack that changed nothing would pass unseen."""
    found = text.count(old)
    if found != count:
        raise ValueError(f"{found} instead of {count} occurrences of {old!r}")
    return text.replace(old, new)


def edits(text, *pairs):
    for old, new in pairs:
        text = edit(text, old, new)
    return text


def message(*pairs):
    """The honest, unsigned message with some of its text replaced."""
    return edits(MESSAGE, *pairs)


def after(text, mark, addition):
    """Puts `addition` after the first `mark`."""
    position = text.index(mark) + len(mark)
    return text[:position] + addition + text[position:]


def before(text, mark, addition):
    position = text.index(mark)
    return text[:position] + addition + text[position:]


def element(text, name):
    """The text of the first element of that qualified name, tags included. It must not hold another of its name."""
    found = re.search(rf"<{name}[\s>/].*?</{name}>", text, re.S)
    if not found:
        raise ValueError(f"no {name}")
    return found.group(0)


def without(text, name):
    """Removes the first element of that name with the white space before it."""
    found = re.search(rf"\s*<{name}(?:\s[^>]*)?(?:/>|>.*?</{name}>)", text, re.S)
    if not found:
        raise ValueError(f"no {name}")
    return text[: found.start()] + text[found.end() :]


ASSERTION_TEXT = element(MESSAGE, "saml:Assertion")
SUBJECT = element(MESSAGE, "saml:Subject")
NAME_ID = element(MESSAGE, "saml:NameID")
CONFIRMATION = element(MESSAGE, "saml:SubjectConfirmation")
CONFIRMATION_DATA = re.search(r"<saml:SubjectConfirmationData[^>]*/>", MESSAGE).group(0)
CONDITIONS = element(MESSAGE, "saml:Conditions")
AUDIENCE_RESTRICTION = element(MESSAGE, "saml:AudienceRestriction")
AUTHN_STATEMENT = element(MESSAGE, "saml:AuthnStatement")
ATTRIBUTE_STATEMENT = element(MESSAGE, "saml:AttributeStatement")
STATUS = element(MESSAGE, "samlp:Status")
