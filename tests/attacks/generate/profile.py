"""The rules of the Web Browser SSO profile, each missing and each wrong. All messages are honestly signed, by the
identity provider that was asked: only the rule can refuse them."""

from .signer import sign, sign_response
from .text import (
    AUDIENCE_RESTRICTION,
    AUTHN_STATEMENT,
    CONDITIONS,
    CONFIRMATION,
    CONFIRMATION_DATA,
    MESSAGE,
    NAME_ID,
    STATUS,
    SUBJECT,
    edit,
    element,
    message,
)
from .world import ACS, ALICE, BEARER, IDP, OTHER_IDP, REQUEST, SP, SUCCESS, VICTIM, at

RESPONSE = "rsa-sha256-response"
OURS = f"<saml:Issuer>{IDP}</saml:Issuer>"
AUDIENCE = f"<saml:Audience>{SP}</saml:Audience>"
RESPONSE_IRT = f' InResponseTo="{REQUEST}">'
DATA_IRT = f' InResponseTo="{REQUEST}"/>'
OTHER_REQUEST = "_request-00000000000000000000000000000000"
HEAD = MESSAGE.index("<saml:Assertion ")
BAD_TIMES = (
    ("word", "yesterday", "a word"),
    ("no-zone", "2026-01-15T11:59:55", "without a zone (SAML wants UTC, Core 1.3.3)"),
)
EVERY_BAD_TIME = BAD_TIMES + (
    ("empty", "", "empty"),
    ("offset", "2026-01-15T12:59:55+01:00", "in another zone"),
    ("date-only", "2026-01-15", "a date"),
    ("february-30", "2026-02-30T11:59:55Z", "on 30 February"),
    ("space", "2026-01-15 11:59:55Z", "with a space for the T"),
    ("leap-second", "2026-01-15T11:59:60Z", "a leap second (Core 1.3.3 forbids them)"),
    ("hour-24", "2026-01-14T24:00:00Z", "at 24 o'clock"),
    ("year-12026", "12026-01-15T11:59:55Z", "in the year 12026"),
    ("negative-year", "-2026-01-15T11:59:55Z", "before Christ"),
    ("white-space", " 2026-01-15T11:59:55Z", "behind a space"),
)


def add(corpus):
    profile = Chapter(corpus)
    response(profile)
    status(profile)
    assertion(profile)
    subject(profile)
    confirmation(profile)
    conditions(profile)
    statements(profile)


class Chapter:
    def __init__(self, corpus):
        self.corpus = corpus

    def group(self, name):
        self.corpus.group = name

    def assertion_signed(self, name, expect, story, *pairs):
        self.corpus.refuse(name, story, expect, sign(message(*pairs)))

    def response_signed(self, name, expect, story, *pairs):
        self.corpus.refuse(name, story, expect, sign_response(message(*pairs)), twin=RESPONSE)

    def signed(self, name, expect, story, text):
        self.corpus.refuse(name, story, expect, sign(text))

    def response_text_signed(self, name, expect, story, text):
        self.corpus.refuse(name, story, expect, sign_response(text), twin=RESPONSE)


def in_response(old, new):
    """An edit of the part of the message before the assertion."""
    head, tail = MESSAGE[:HEAD], MESSAGE[HEAD:]
    return edit(head, old, new) + tail


def in_assertion(old, new):
    head, tail = MESSAGE[:HEAD], MESSAGE[HEAD:]
    return head + edit(tail, old, new)


def response(p):
    p.group("the response")
    for version in ("1.1", "2.1", "3.0", "2", "02.0", ""):
        label = version.replace(".", "-") or "empty"
        p.signed(
            f"response-version-{label}",
            "version-unsupported",
            f"The response's version is {version or 'empty'}.",
            in_response('Version="2.0"', f'Version="{version}"'),
        )
    p.signed(
        "response-version-missing",
        "version-unsupported",
        "The response has no version.",
        in_response(' Version="2.0"', ""),
    )
    p.signed(
        "response-issued-missing",
        "issue-instant-invalid",
        "The response has no issue instant.",
        in_response(f' IssueInstant="{at(-2)}"', ""),
    )
    for name, value, words in BAD_TIMES:
        p.assertion_signed(
            f"response-issued-{name}",
            "issue-instant-invalid",
            f"The response's issue instant is {words}.",
            (at(-2), value),
        )
    p.assertion_signed(
        "response-issued-future",
        "issue-instant-future",
        "The response was issued one second later than the skew allows.",
        (at(-2), at(61)),
    )
    p.assertion_signed(
        "response-issued-old",
        "issue-instant-old",
        "The response was issued before the request, one second more than the skew allows.",
        (at(-2), at(-91)),
    )
    p.response_signed(
        "destination-missing",
        "destination-missing",
        "A signed response without Destination: it could have been made for anybody (Bindings 3.5.5.2).",
        (f' Destination="{ACS}"', ""),
    )
    p.response_signed(
        "destination-empty",
        "destination-mismatch",
        "A signed response with an empty Destination.",
        (f'Destination="{ACS}"', 'Destination=""'),
    )
    for name, value, words in (
        ("other-host", "https://other.example.com/vestibule/saml/acs", "another host"),
        ("other-path", ACS + "/corp", "another path"),
        ("case", ACS.replace("saml/acs", "SAML/ACS"), "another case"),
        ("http", ACS.replace("https", "http"), "another scheme"),
        (
            "prefix",
            ACS.replace("app.example.com", "app.example.com.evil.com"),
            "a host that begins with ours",
        ),
        ("query", ACS + "?x=1", "a query"),
    ):
        p.response_signed(
            f"destination-{name}",
            "destination-mismatch",
            f"Destination names {words}.",
            (f'Destination="{ACS}"', f'Destination="{value}"'),
        )
    p.assertion_signed(
        "destination-unsigned-wrong",
        "destination-mismatch",
        "The response is not signed, but its Destination is somebody else.",
        (f'Destination="{ACS}"', 'Destination="https://other.example.com/acs"'),
    )
    p.response_text_signed(
        "response-issuer-missing",
        "response-issuer-missing",
        "A signed response without Issuer (Profiles 4.1.4.2).",
        in_response(f"\n  {OURS}", ""),
    )
    p.signed(
        "response-issuer-wrong",
        "response-issuer-mismatch",
        "The response names another issuer than the assertion.",
        in_response(OURS, f"<saml:Issuer>{OTHER_IDP}</saml:Issuer>"),
    )
    p.response_text_signed(
        "response-issuer-wrong-signed",
        "response-issuer-mismatch",
        "The same, signed.",
        in_response(OURS, f"<saml:Issuer>{OTHER_IDP}</saml:Issuer>"),
    )
    p.signed(
        "response-issuer-case",
        "response-issuer-mismatch",
        "The issuer differs in case.",
        in_response(OURS, OURS.replace("idp.example", "IDP.example")),
    )
    p.signed(
        "response-issuer-empty",
        "response-issuer-mismatch",
        "The response's issuer is empty.",
        in_response(OURS, "<saml:Issuer/>"),
    )
    p.signed(
        "response-issuer-format",
        "issuer-format",
        "The response's issuer is an e-mail address.",
        in_response(
            "<saml:Issuer>", '<saml:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">'
        ),
    )
    p.signed(
        "in-response-to-missing",
        "in-response-to-missing",
        "The response answers nothing (unsolicited).",
        in_response(RESPONSE_IRT, ">"),
    )
    p.signed(
        "in-response-to-wrong",
        "in-response-to-mismatch",
        "The response answers another request: another browser's sign-in.",
        in_response(RESPONSE_IRT, f' InResponseTo="{OTHER_REQUEST}">'),
    )
    p.signed(
        "in-response-to-empty",
        "in-response-to-mismatch",
        "InResponseTo is empty.",
        in_response(RESPONSE_IRT, ' InResponseTo="">'),
    )
    p.signed(
        "in-response-to-case",
        "in-response-to-mismatch",
        "InResponseTo differs in case.",
        in_response(RESPONSE_IRT, RESPONSE_IRT.replace("5f0c3a7b", "5F0C3A7B")),
    )
    both = MESSAGE.replace(f' InResponseTo="{REQUEST}"', "")
    p.signed(
        "in-response-to-both-missing",
        "in-response-to-missing",
        "Neither the response nor the confirmation names a request (unsolicited).",
        both,
    )
    twin_issuer = OURS + "\n  "
    p.signed(
        "response-issuer-twice",
        "response-malformed",
        "The response has two issuers: the right one, then another.",
        in_response(twin_issuer, twin_issuer + f"<saml:Issuer>{OTHER_IDP}</saml:Issuer>"),
    )
    p.signed(
        "response-unknown-child",
        "response-malformed",
        "The response has a child that the schema does not know.",
        in_response("  <samlp:Status>", '  <v:x xmlns:v="urn:example:vendor"/><samlp:Status>'),
    )
    p.signed(
        "response-text",
        "response-malformed",
        "Text stands between the response's elements.",
        in_response("  <samlp:Status>", "  hello <samlp:Status>"),
    )
    p.signed(
        "response-extensions-twice",
        "response-malformed",
        "The response has Extensions twice.",
        in_response("  <samlp:Status>", "  <samlp:Extensions/><samlp:Extensions/><samlp:Status>"),
    )


def status(p):
    p.group("the status")
    code = f'<samlp:StatusCode Value="{SUCCESS}"/>'
    p.signed("status-missing", "status-missing", "There is no status.", in_response(f"\n  {STATUS}", ""))
    p.signed(
        "status-twice",
        "status-missing",
        "Two statuses: Responder, then Success.",
        in_response(STATUS, STATUS.replace("status:Success", "status:Responder") + STATUS),
    )
    p.signed("status-code-missing", "status-missing", "The status has no code.", in_response(code, ""))
    p.signed(
        "status-code-twice",
        "status-missing",
        "Two status codes: Success, then Responder.",
        in_response(code, code + code.replace("Success", "Responder")),
    )
    p.signed(
        "status-value-missing",
        "status-missing",
        "The status code has no value.",
        in_response(f' Value="{SUCCESS}"', ""),
    )
    for value in ("Requester", "Responder", "VersionMismatch"):
        p.signed(
            f"status-{value.lower()}",
            "status-not-success",
            f"The status is {value}, with an assertion all the same.",
            in_response("status:Success", f"status:{value}"),
        )
    p.response_signed(
        "status-responder-signed",
        "status-not-success",
        "The status is Responder in a signed response with an assertion.",
        ("status:Success", "status:Responder"),
    )
    p.signed(
        "status-nested-success",
        "status-not-success",
        "Success stands below Responder, for readers that take any code.",
        in_response(
            code,
            f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder">{code}</samlp:StatusCode>',
        ),
    )
    p.signed(
        "status-case",
        "status-not-success",
        "The status is success, in small letters.",
        in_response("status:Success", "status:success"),
    )
    p.signed(
        "status-success-prefix",
        "status-not-success",
        "The status only begins like Success.",
        in_response("status:Success", "status:Successful"),
    )
    p.signed(
        "status-in-assertion",
        "status-missing",
        "The status stands inside the assertion.",
        edit(
            in_response(f"\n  {STATUS}", ""),
            "    <saml:Conditions ",
            f"    <saml:Advice>{STATUS}</saml:Advice>\n    <saml:Conditions ",
        ),
    )
    begin, end = MESSAGE.index("  <saml:Assertion "), MESSAGE.index("</samlp:Response>")
    failed = MESSAGE[:begin].replace("status:Success", "status:Responder") + MESSAGE[end:]
    p.corpus.refuse(
        "status-failure-without-assertion",
        "The identity provider's honest failure, signed: no assertion. The person must be told the status, not the missing assertion.",
        "status-not-success",
        sign_response(failed),
        twin=RESPONSE,
    )
    p.corpus.refuse(
        "status-failure-unsigned",
        "The same without a signature, as most identity providers send it.",
        "status-not-success",
        failed,
    )


def assertion(p):
    p.group("the assertion")
    for version in ("1.1", "2.1", ""):
        label = version.replace(".", "-") or "empty"
        p.signed(
            f"assertion-version-{label}",
            "version-unsupported",
            f"The assertion's version is {version or 'empty'}.",
            in_assertion('Version="2.0"', f'Version="{version}"'),
        )
    p.signed(
        "assertion-version-missing",
        "version-unsupported",
        "The assertion has no version.",
        in_assertion(' Version="2.0"', ""),
    )
    p.signed(
        "assertion-issued-missing",
        "issue-instant-invalid",
        "The assertion has no issue instant.",
        in_assertion(f' IssueInstant="{at(-3)}"', ""),
    )
    for name, value, words in EVERY_BAD_TIME:
        p.assertion_signed(
            f"assertion-issued-{name}",
            "issue-instant-invalid",
            f"The assertion's issue instant is {words}.",
            (at(-3), value),
        )
    p.assertion_signed(
        "assertion-issued-future",
        "issue-instant-future",
        "The assertion was issued one second later than the skew allows.",
        (at(-3), at(61)),
    )
    p.assertion_signed(
        "assertion-issued-old",
        "issue-instant-old",
        "The assertion was issued before the request, one second more than the skew allows: it cannot be the answer.",
        (at(-3), at(-91)),
    )
    inner = f"    {OURS}\n"
    p.response_text_signed(
        "issuer-missing",
        "issuer-missing",
        "The assertion has no issuer; the response is signed.",
        in_assertion(inner, ""),
    )
    p.signed(
        "issuer-missing-assertion-signed",
        "issuer-missing",
        "The assertion has no issuer and is signed itself.",
        in_assertion(inner, ""),
    )
    p.signed(
        "issuer-empty",
        "issuer-missing",
        "The assertion's issuer is empty.",
        in_assertion(OURS, "<saml:Issuer></saml:Issuer>"),
    )
    p.signed(
        "issuer-wrong",
        "issuer-mismatch",
        "The assertion is another identity provider's, in its words, under this one's key.",
        in_assertion(OURS, f"<saml:Issuer>{OTHER_IDP}</saml:Issuer>"),
    )
    p.signed(
        "issuer-slash",
        "issuer-mismatch",
        "The issuer has one slash more.",
        in_assertion(OURS, f"<saml:Issuer>{IDP}/</saml:Issuer>"),
    )
    p.signed(
        "issuer-twice",
        "assertion-malformed",
        "Two issuers: the right one, then another.",
        in_assertion(OURS, f"{OURS}<saml:Issuer>{OTHER_IDP}</saml:Issuer>"),
    )
    p.response_text_signed(
        "issuer-not-first",
        "assertion-malformed",
        "The issuer stands at the end of the assertion; the response is signed.",
        edit(in_assertion(inner, ""), "  </saml:Assertion>", f"  {OURS}</saml:Assertion>"),
    )
    p.signed(
        "issuer-format",
        "issuer-format",
        "The assertion's issuer is an e-mail address.",
        in_assertion(
            "<saml:Issuer>", '<saml:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">'
        ),
    )
    p.signed(
        "issuer-qualified",
        "issuer-format",
        "The issuer has a NameQualifier, which an entity identifier must not (Core 8.3.6).",
        in_assertion("<saml:Issuer>", '<saml:Issuer NameQualifier="x">'),
    )
    p.signed(
        "issuer-child",
        "issuer-format",
        "The issuer holds an element.",
        in_assertion(OURS, f"<saml:Issuer>{IDP}<v:x xmlns:v='urn:example:vendor'/></saml:Issuer>"),
    )
    p.signed(
        "assertion-unknown-child",
        "assertion-malformed",
        "The assertion has an element that the schema does not know.",
        in_assertion("    <saml:Conditions ", "    <v:x xmlns:v='urn:example:vendor'/><saml:Conditions "),
    )
    p.signed(
        "assertion-text",
        "assertion-malformed",
        "Text stands between the assertion's elements.",
        in_assertion("    <saml:Conditions ", "    hello <saml:Conditions "),
    )
    p.signed(
        "assertion-order",
        "assertion-malformed",
        "Conditions stand before the Subject.",
        in_assertion(SUBJECT + "\n    " + CONDITIONS, CONDITIONS + "\n    " + SUBJECT),
    )


def subject(p):
    p.group("the subject")
    p.signed(
        "subject-missing", "subject-missing", "The assertion is about nobody.", in_assertion(SUBJECT, "")
    )
    p.signed(
        "subject-twice",
        "assertion-malformed",
        "Two subjects: alice, and the victim.",
        in_assertion(SUBJECT, SUBJECT + SUBJECT.replace(ALICE, VICTIM)),
    )
    p.signed(
        "subject-twice-victim-first",
        "assertion-malformed",
        "Two subjects: the victim, and alice.",
        in_assertion(SUBJECT, SUBJECT.replace(ALICE, VICTIM) + SUBJECT),
    )
    p.signed("nameid-missing", "nameid-missing", "The subject has no NameID.", in_assertion(NAME_ID, ""))
    p.signed(
        "nameid-twice",
        "assertion-malformed",
        "Two NameIDs: alice, and the victim.",
        in_assertion(NAME_ID, NAME_ID + NAME_ID.replace(ALICE, VICTIM)),
    )
    p.signed(
        "nameid-empty",
        "nameid-missing",
        "The NameID is empty.",
        in_assertion(f">{ALICE}</saml:NameID>", "></saml:NameID>"),
    )
    p.signed(
        "nameid-blank",
        "nameid-missing",
        "The NameID is white space.",
        in_assertion(f">{ALICE}</saml:NameID>", "> \n </saml:NameID>"),
    )
    p.signed(
        "nameid-comment-only",
        "nameid-missing",
        "The NameID holds nothing but a comment.",
        in_assertion(f">{ALICE}</saml:NameID>", f"><!--{VICTIM}--></saml:NameID>"),
    )
    p.signed(
        "nameid-child",
        "assertion-malformed",
        "The NameID holds an element: whose text counts?",
        in_assertion(
            f">{ALICE}</saml:NameID>",
            f">{ALICE}<v:x xmlns:v='urn:example:vendor'>.evil.com</v:x></saml:NameID>",
        ),
    )
    p.signed(
        "nameid-base-id",
        "nameid-missing",
        "A BaseID stands for the NameID.",
        in_assertion(NAME_ID, f'<saml:BaseID xsi:type="xs:string">{VICTIM}</saml:BaseID>'),
    )
    p.signed(
        "nameid-in-confirmation-only",
        "nameid-missing",
        "The only NameID is the one of the confirming party.",
        in_assertion(NAME_ID, "").replace(CONFIRMATION_DATA, NAME_ID + CONFIRMATION_DATA),
    )
    p.signed(
        "nameid-after-confirmation",
        "assertion-malformed",
        "The NameID stands behind the confirmation.",
        in_assertion(NAME_ID + "\n      " + CONFIRMATION, CONFIRMATION + NAME_ID),
    )


def confirmation(p):
    p.group("the bearer confirmation")
    p.signed(
        "confirmation-missing",
        "subject-confirmation-missing",
        "The subject has no confirmation.",
        in_assertion(CONFIRMATION, ""),
    )
    for method in ("holder-of-key", "sender-vouches"):
        p.assertion_signed(
            f"confirmation-{method}",
            "subject-confirmation-missing",
            f"The only confirmation is {method}.",
            ("cm:bearer", f"cm:{method}"),
        )
    p.assertion_signed(
        "confirmation-method-case",
        "subject-confirmation-missing",
        "The method is Bearer, with a capital.",
        ("cm:bearer", "cm:Bearer"),
    )
    p.assertion_signed(
        "confirmation-method-saml-1",
        "subject-confirmation-missing",
        "The method is SAML 1's bearer.",
        ("SAML:2.0:cm:bearer", "SAML:1.0:cm:bearer"),
    )
    p.assertion_signed(
        "confirmation-method-missing",
        "subject-confirmation-missing",
        "The confirmation has no method.",
        (f' Method="{BEARER}"', ""),
    )
    p.assertion_signed(
        "confirmation-data-missing",
        "confirmation-data-missing",
        "The bearer confirmation has no data.",
        (CONFIRMATION_DATA, ""),
    )
    p.assertion_signed(
        "confirmation-data-twice",
        "assertion-malformed",
        "The confirmation has two sets of data: an expired one and a good one.",
        (CONFIRMATION_DATA, CONFIRMATION_DATA.replace(at(300), at(-300)) + CONFIRMATION_DATA),
    )
    p.assertion_signed(
        "recipient-missing",
        "recipient-missing",
        "The confirmation names no recipient.",
        (f' Recipient="{ACS}"', ""),
    )
    for name, value, words in (
        ("other", "https://other.example.com/acs", "another service, which posts it on to us"),
        ("empty", "", "nobody"),
        ("entity-id", SP, "our entity identifier instead of our address"),
        ("slash", ACS + "/", "our address and a slash"),
        ("port", ACS.replace("app.example.com", "app.example.com:444"), "another port"),
        ("case", ACS.replace("/acs", "/ACS"), "another case"),
        ("space", ACS + " ", "our address and a space"),
    ):
        p.assertion_signed(
            f"recipient-{name}",
            "recipient-mismatch",
            f"The recipient is {words}.",
            (f'Recipient="{ACS}"', f'Recipient="{value}"'),
        )
    p.assertion_signed(
        "confirmation-in-response-to-missing",
        "confirmation-in-response-to-missing",
        "The confirmation answers nothing, though the (unsigned) response does: a stolen unsolicited assertion.",
        (DATA_IRT, "/>"),
    )
    p.assertion_signed(
        "confirmation-in-response-to-wrong",
        "confirmation-in-response-to-mismatch",
        "The confirmation answers another request; the attacker wrote ours into the unsigned response.",
        (DATA_IRT, f' InResponseTo="{OTHER_REQUEST}"/>'),
    )
    p.assertion_signed(
        "confirmation-in-response-to-empty",
        "confirmation-in-response-to-mismatch",
        "The confirmation's InResponseTo is empty.",
        (DATA_IRT, ' InResponseTo=""/>'),
    )
    p.assertion_signed(
        "confirmation-expiry-missing",
        "confirmation-expiry-missing",
        "The confirmation has no end.",
        (f' NotOnOrAfter="{at(300)}"', ""),
    )
    p.assertion_signed(
        "confirmation-expired",
        "confirmation-expired",
        "The confirmation ended one skew ago, to the second.",
        (at(300), at(-60)),
    )
    p.assertion_signed(
        "confirmation-expired-long",
        "confirmation-expired",
        "The confirmation ended a year ago.",
        (at(300), "2025-01-15T12:00:00Z"),
    )
    p.assertion_signed(
        "confirmation-not-before",
        "confirmation-not-before",
        "The confirmation has a NotBefore, long past: the profile forbids it (Profiles 4.1.4.2).",
        (f'NotOnOrAfter="{at(300)}"', f'NotBefore="{at(-3600)}" NotOnOrAfter="{at(300)}"'),
    )
    p.assertion_signed(
        "confirmation-not-before-future",
        "confirmation-not-before",
        "The confirmation begins in an hour.",
        (f'NotOnOrAfter="{at(300)}"', f'NotBefore="{at(3600)}" NotOnOrAfter="{at(300)}"'),
    )
    for name, value, words in BAD_TIMES:
        p.assertion_signed(
            f"confirmation-expiry-{name}",
            "time-invalid",
            f"The confirmation's end is {words}.",
            (at(300), value),
        )
    expired = CONFIRMATION.replace(at(300), at(-300))
    foreign = CONFIRMATION.replace(ACS, "https://other.example.com/acs")
    p.assertion_signed(
        "confirmation-parts-of-two",
        "confirmation-expired",
        "Two confirmations, each with one fault; together they would have everything.",
        (CONFIRMATION, expired + foreign),
    )
    p.assertion_signed(
        "confirmation-good-one-of-other-method",
        "confirmation-expired",
        "An expired bearer confirmation, and a holder-of-key one with good data.",
        (CONFIRMATION, expired + CONFIRMATION.replace("cm:bearer", "cm:holder-of-key")),
    )


def conditions(p):
    p.group("the conditions")
    times = f' NotBefore="{at(-33)}" NotOnOrAfter="{at(600)}"'
    p.assertion_signed(
        "conditions-missing", "conditions-missing", "The assertion has no conditions.", (CONDITIONS, "")
    )
    p.assertion_signed(
        "conditions-twice",
        "conditions-missing",
        "Two sets of conditions: a good one, and an expired one for another audience.",
        (
            CONDITIONS,
            CONDITIONS + CONDITIONS.replace(SP, "https://other.example.com").replace(at(600), at(-600)),
        ),
    )
    p.assertion_signed(
        "conditions-not-yet-valid",
        "conditions-not-yet-valid",
        "The conditions begin one second after the skew.",
        (at(-33), at(61)),
    )
    p.assertion_signed(
        "conditions-expired",
        "conditions-expired",
        "The conditions ended one skew ago, to the second.",
        (at(600), at(-60)),
    )
    p.assertion_signed(
        "conditions-backwards",
        "conditions-expired",
        "The conditions end before they begin.",
        (times, f' NotBefore="{at(30)}" NotOnOrAfter="{at(-30)}"'),
    )
    for name, value, words in BAD_TIMES:
        p.assertion_signed(
            f"conditions-begin-{name}", "time-invalid", f"The conditions' begin is {words}.", (at(-33), value)
        )
        p.assertion_signed(
            f"conditions-end-{name}", "time-invalid", f"The conditions' end is {words}.", (at(600), value)
        )
    p.assertion_signed(
        "condition-one-time-use-twice",
        "assertion-malformed",
        "OneTimeUse stands twice (Core 2.5.1.5 forbids it).",
        (AUDIENCE_RESTRICTION, AUDIENCE_RESTRICTION + "<saml:OneTimeUse/>" * 2),
    )
    p.assertion_signed(
        "conditions-text",
        "assertion-malformed",
        "Text stands between the conditions.",
        (AUDIENCE_RESTRICTION, AUDIENCE_RESTRICTION + "hello"),
    )
    p.assertion_signed(
        "condition-unknown",
        "condition-unknown",
        "A condition of another namespace (Core 2.5.1: what is not understood is not valid).",
        (AUDIENCE_RESTRICTION, AUDIENCE_RESTRICTION + "<v:OnlyOnMondays xmlns:v='urn:example:vendor'/>"),
    )
    p.assertion_signed(
        "condition-abstract",
        "condition-unknown",
        "A saml:Condition with a type of somebody's own.",
        (
            AUDIENCE_RESTRICTION,
            AUDIENCE_RESTRICTION
            + "<saml:Condition xmlns:v='urn:example:vendor' xsi:type='v:OnlyOnMondays'/>",
        ),
    )
    p.assertion_signed(
        "condition-misnamed",
        "condition-unknown",
        "A condition of SAML's namespace that SAML does not have.",
        (AUDIENCE_RESTRICTION, AUDIENCE_RESTRICTION + "<saml:DoNotCacheCondition/>"),
    )
    p.assertion_signed(
        "audience-missing",
        "audience-missing",
        "The conditions name no audience (Profiles 4.1.4.2 demands one).",
        (AUDIENCE_RESTRICTION, ""),
    )
    p.assertion_signed(
        "audience-restriction-empty",
        "audience-missing",
        "An audience restriction without an audience.",
        (AUDIENCE, ""),
    )
    for name, value, words in (
        ("other", "https://other.example.com/metadata", "another service, which posts it on to us"),
        ("empty", "", "nobody"),
        ("acs", ACS, "our address instead of our entity identifier"),
        ("case", SP.replace("app.example", "APP.example"), "in another case"),
        ("slash", SP + "/", "our identifier and a slash"),
        ("prefix", SP[:-1], "our identifier without its last letter"),
        ("comma", SP + ",https://other.example.com", "a list in one element"),
    ):
        p.assertion_signed(
            f"audience-{name}", "audience-mismatch", f"The audience is {words}.", (f">{SP}<", f">{value}<")
        )
    other = AUDIENCE_RESTRICTION.replace(SP, "https://other.example.com/metadata")
    p.assertion_signed(
        "audience-second-restriction-other",
        "audience-mismatch",
        "Two restrictions, of which the second leaves us out: all must hold (Core 2.5.1.4).",
        (AUDIENCE_RESTRICTION, AUDIENCE_RESTRICTION + other),
    )
    p.assertion_signed(
        "audience-first-restriction-other",
        "audience-mismatch",
        "Two restrictions, of which the first leaves us out.",
        (AUDIENCE_RESTRICTION, other + AUDIENCE_RESTRICTION),
    )
    p.assertion_signed(
        "audience-second-restriction-empty",
        "audience-missing",
        "Two restrictions, the second of them empty.",
        (AUDIENCE_RESTRICTION, AUDIENCE_RESTRICTION + "<saml:AudienceRestriction/>"),
    )
    p.assertion_signed(
        "audience-in-advice-only",
        "audience-missing",
        "Our audience is named in Advice only.",
        (
            CONDITIONS,
            CONDITIONS.replace(AUDIENCE_RESTRICTION, "")
            + f"<saml:Advice>{AUDIENCE_RESTRICTION}</saml:Advice>",
        ),
    )
    p.assertion_signed(
        "audience-child",
        "assertion-malformed",
        "The audience holds an element.",
        (AUDIENCE, f"<saml:Audience>{SP}<v:x xmlns:v='urn:example:vendor'/></saml:Audience>"),
    )


def statements(p):
    p.group("the statements")
    p.assertion_signed(
        "authn-statement-missing",
        "authn-statement-missing",
        "No authentication statement: nobody signed in (Profiles 4.1.4.2).",
        (AUTHN_STATEMENT, ""),
    )
    decision = '<saml:AuthzDecisionStatement Resource="x" Decision="Permit"><saml:Action Namespace="x">y</saml:Action></saml:AuthzDecisionStatement>'
    p.assertion_signed(
        "authn-statement-other",
        "authn-statement-missing",
        "An authorisation decision instead of an authentication.",
        (AUTHN_STATEMENT, decision),
    )
    p.assertion_signed(
        "authn-instant-missing",
        "authn-instant-invalid",
        "The authentication has no time.",
        (f' AuthnInstant="{at(-10)}"', ""),
    )
    p.assertion_signed(
        "authn-instant-future",
        "authn-instant-invalid",
        "The authentication happens one second after the skew.",
        (at(-10), at(61)),
    )
    for name, value, words in BAD_TIMES:
        p.assertion_signed(
            f"authn-instant-{name}",
            "authn-instant-invalid",
            f"The time of authentication is {words}.",
            (at(-10), value),
        )
    p.assertion_signed(
        "session-ended", "session-expired", "The identity provider's session ends now.", (at(28800), at(0))
    )
    p.assertion_signed(
        "session-ended-yesterday",
        "session-expired",
        "The identity provider's session ended yesterday.",
        (at(28800), at(-86400)),
    )
    for name, value, words in BAD_TIMES:
        p.assertion_signed(
            f"session-end-{name}",
            "time-invalid",
            f"The end of the identity provider's session is {words}.",
            (at(28800), value),
        )
    p.assertion_signed(
        "session-one-of-two-ended",
        "session-expired",
        "Two authentication statements, and the session of the second has ended.",
        (AUTHN_STATEMENT, AUTHN_STATEMENT + AUTHN_STATEMENT.replace(at(28800), at(-1))),
    )
    p.assertion_signed(
        "authn-context-missing",
        "assertion-malformed",
        "The authentication statement has no context (Core 2.7.2 demands one).",
        (element(AUTHN_STATEMENT, "saml:AuthnContext"), ""),
    )
    p.assertion_signed(
        "attribute-unknown-child",
        "assertion-malformed",
        "An attribute holds something else than values.",
        (
            '<saml:Attribute Name="groups">',
            '<saml:Attribute Name="groups"><v:x xmlns:v="urn:example:vendor"/>',
        ),
    )
    p.assertion_signed(
        "attribute-statement-unknown-child",
        "assertion-malformed",
        "An attribute statement holds something else than attributes.",
        ('<saml:Attribute Name="groups">', '<saml:NameID>root</saml:NameID><saml:Attribute Name="groups">'),
    )
    p.assertion_signed(
        "attribute-nameless",
        "assertion-malformed",
        "An attribute has no name.",
        ('<saml:Attribute Name="groups">', "<saml:Attribute>"),
    )
