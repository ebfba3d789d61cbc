"""Collects the cases and writes them: one file a case, and one row of cases.toml each."""

import json
import re
from dataclasses import dataclass, field

from . import others
from .world import ALICE, CASES

ALL_KEYS = ["idp-rsa", "idp-rsa-next", "idp-p256", "idp-p384", "idp-p521", "idp-rsa-1024", "idp-dsa"]
RANDOM = re.compile(rb"(?<=SignatureValue>|nc:CipherValue>)[^<]*")


@dataclass
class Case:
    name: str
    group: str
    story: str
    content: bytes
    suffix: str
    row: dict = field(default_factory=dict)
    chance: bool = False
    """The signer rolled dice for the signature."""


class Corpus:
    """`accept` and `refuse` are called in the order in which the table shall be read."""

    def __init__(self):
        self.accepted = []
        self.refused = []
        self.group = ""

    def accept(
        self, name, story, document, *, name_id=ALICE, attributes=None, checked=True, chance=False, **world
    ):
        """A message that must be let in, and what must be read from it. `world`: settings that differ from the
        scene's: require_signed, keys, sp_keys, cbc, require_encrypted, algorithms, sha1_until, unsolicited,
        force_authn, authn_context, max_authn_age."""
        content, suffix = as_file(document)
        if checked and suffix == "xml":
            try:
                others.check(content, world.get("keys", ALL_KEYS), world.get("sp_keys", []))
            except Exception as problem:
                raise ValueError(f"{name}: {problem}") from problem
        row = {"name_id": name_id}
        if attributes is not None:
            row["attributes"] = attributes
        self.add(self.accepted, Case(name, self.group, story, content, suffix, row | world, chance))

    def refuse(self, name, story, expect, document, *, twin="rsa-sha256-assertion", **world):
        """A message that must be refused by exactly that rule; its twin, in the same world, must be let in."""
        content, suffix = as_file(document)
        self.add(
            self.refused,
            Case(name, self.group, story, content, suffix, {"expect": expect, "twin": twin} | world),
        )

    def add(self, section, case):
        if any(case.name == other.name for other in self.accepted + self.refused):
            raise ValueError(f"two cases are called {case.name}")
        section.append(case)

    def write(self):
        CASES.mkdir(exist_ok=True)
        written = {"cases.toml"}
        for case in self.accepted + self.refused:
            path = CASES / f"{case.name}.{case.suffix}"
            written.add(path.name)
            if not (case.chance and path.exists() and differ_by_chance(path.read_bytes(), case.content)):
                path.write_bytes(case.content)
        for path in CASES.iterdir():
            if path.name not in written:
                path.unlink()
        (CASES / "cases.toml").write_text(self.table())

    def table(self):
        out = [HEADER]
        for kind, section in (("accepted", self.accepted), ("attack", self.refused)):
            group = None
            for case in section:
                if case.group != group:
                    group = case.group
                    out.append(f"\n# {'=' * 8} {group} {'=' * 8}\n")
                out.append(f"\n[[{kind}]]\nname = {toml(case.name)}\nstory = {toml(case.story)}\n")
                for key, value in case.row.items():
                    out.append(f"{key} = {toml(value)}\n")
        return "".join(out)


HEADER = """\
# The attack corpus: one row a case, one file beside it with the same name. Written by tests/attacks/generate.sh.
#
# `.xml` is the message before base64, `.form` the literal value of the form field SAMLResponse.
# accepted: `name_id` and `attributes` are what must be read from it.
# attack:   `expect` is the code of the one rule that must refuse it; `twin` is the honest sibling that must be let in
#           in the same world.
# `keys` (of the identity provider), `sp_keys` (ours; none unless said), `require_signed`, `cbc`, `require_encrypted`,
# `algorithms`, `sha1_until` (seconds from now), `unsolicited`, `force_authn`, `authn_context` and `max_authn_age` (in
# seconds) say where the world differs from scene.rs.
"""


def as_file(document):
    if isinstance(document, Form):
        return document.encode(), "form"
    return (document if isinstance(document, bytes) else document.encode()), "xml"


class Form(str):
    """A value of the form field, posted as it stands."""


def differ_by_chance(old, new):
    """Whether two files are the same but for the signature value: the old one stays then, and the diff quiet."""
    return RANDOM.sub(b"", old) == RANDOM.sub(b"", new)


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + " }"
    raise TypeError(value)
