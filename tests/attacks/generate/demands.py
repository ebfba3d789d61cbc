"""Answers that nobody asked for, and what the owner demands beyond the profile. All messages are honestly signed, by the
identity provider that was asked: only the rule can refuse them."""

from .signer import sign, sign_both, sign_response
from .text import MESSAGE, edit, element, message
from .world import ALICE, REQUEST, SUCCESS, VICTIM, at

IN_RESPONSE_TO = f' InResponseTo="{REQUEST}"'
UNSOLICITED = MESSAGE.replace(IN_RESPONSE_TO, "")
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
MFA = "https://refeds.org/profile/mfa"
CLASS = f"<saml:AuthnContextClassRef>{PASSWORD}</saml:AuthnContextClassRef>"
OTHER = ' InResponseTo="_request-00000000000000000000000000000000"'


def add(corpus):
    unsolicited(corpus)
    contexts(corpus)
    ages(corpus)
    refusals_of_the_request(corpus)


def unsolicited(corpus):
    corpus.group = "answers that nobody asked for"
    where = {"unsolicited": True}
    corpus.accept(
        "unsolicited", "Nobody asked, and the identity provider may send people here.", sign(UNSOLICITED), **where
    )
    corpus.accept("unsolicited-response", "The same with the response signed.", sign_response(UNSOLICITED), **where)
    corpus.accept("unsolicited-both", "The same with both signed.", sign_both(UNSOLICITED), **where)

    def refuse(name, expect, story, document, twin="unsolicited"):
        corpus.refuse(name, story, expect, document, twin=twin, **where)

    corpus.refuse(
        "unsolicited-where-it-is-not-allowed",
        "Nobody asked, and the identity provider may not send people here.",
        "in-response-to-missing",
        sign(UNSOLICITED),
    )
    corpus.refuse(
        "unsolicited-response-where-it-is-not-allowed",
        "The same with the response signed.",
        "in-response-to-missing",
        sign_response(UNSOLICITED),
        twin="rsa-sha256-response",
    )
    refuse(
        "unsolicited-that-answers",
        "in-response-to-mismatch",
        "An honest answer to a request, delivered where only unsolicited ones are looked for.",
        sign(MESSAGE),
    )
    refuse(
        "unsolicited-unknown-request",
        "in-response-to-mismatch",
        "The envelope names a request that nobody knows.",
        sign(UNSOLICITED).replace(' Destination="', f'{OTHER} Destination="', 1),
    )
    refuse(
        "unsolicited-empty-request",
        "in-response-to-mismatch",
        "The envelope names a request, and its name is empty.",
        sign(UNSOLICITED).replace(' Destination="', ' InResponseTo="" Destination="', 1),
    )
    refuse(
        "unsolicited-request-cut-out",
        "confirmation-in-response-to-mismatch",
        "The stolen answer to another browser's request: InResponseTo is cut out of the envelope, which nobody signed.",
        edit(sign(MESSAGE), IN_RESPONSE_TO + ">", ">"),
    )
    refuse(
        "unsolicited-confirmation-of-a-request",
        "confirmation-in-response-to-mismatch",
        "The response names no request and its confirmation names one (Profiles 4.1.5 forbids it).",
        sign_response(edit(MESSAGE, IN_RESPONSE_TO + ">", ">")),
        twin="unsolicited-response",
    )
    refuse(
        "unsolicited-confirmation-empty",
        "confirmation-in-response-to-mismatch",
        "The confirmation names a request, and its name is empty.",
        sign(edit(edit(MESSAGE, IN_RESPONSE_TO + ">", ">"), IN_RESPONSE_TO + "/>", ' InResponseTo=""/>')),
    )
    corpus.refuse(
        "unsolicited-passed-off-as-an-answer",
        "A stolen unsolicited assertion in an envelope that names the thief's own request; nobody signed the envelope.",
        "confirmation-in-response-to-missing",
        sign(UNSOLICITED).replace(' Destination="', f'{IN_RESPONSE_TO} Destination="', 1),
    )
    later = edit(edit(UNSOLICITED, at(300), at(86400)), at(600), at(86400))
    refuse(
        "unsolicited-old",
        "issue-instant-old",
        "Valid for a day says its maker; issued six minutes ago.",
        sign(edit(later, at(-3), at(-360))),
    )
    refuse(
        "unsolicited-before-the-memory-begins",
        "attempt-before-start",
        "Issued before the moment since which the gate remembers what was used.",
        sign(edit(UNSOLICITED, at(-3), at(-241))),
    )
    refuse(
        "unsolicited-unsigned", "signature-missing", "Nobody asked, and nobody signed.", UNSOLICITED
    )
    refuse(
        "unsolicited-for-another",
        "audience-mismatch",
        "An unsolicited answer for another service, brought here.",
        sign(UNSOLICITED.replace("<saml:Audience>https://app", "<saml:Audience>https://other")),
    )
    refuse(
        "unsolicited-recipient-other",
        "recipient-mismatch",
        "An unsolicited answer for another assertion consumer service.",
        sign(UNSOLICITED.replace('Recipient="https://app', 'Recipient="https://other')),
    )
    refuse(
        "unsolicited-no-expiry",
        "confirmation-expiry-missing",
        "Nobody asked, and it never ends.",
        sign(edit(UNSOLICITED, f' NotOnOrAfter="{at(300)}"', "")),
    )


def contexts(corpus):
    corpus.group = "how somebody must have signed in"
    corpus.accept(
        "authn-context-demanded",
        "A class is demanded, and it came.",
        sign(message((PASSWORD, MFA))),
        authn_context=[MFA],
    )
    corpus.accept(
        "authn-context-second",
        "One of two classes is demanded, and the second came.",
        sign(MESSAGE),
        authn_context=[MFA, PASSWORD],
    )

    def refuse(name, story, *pairs):
        corpus.refuse(
            name,
            story,
            "authn-context-mismatch",
            sign(message(*pairs)),
            twin="authn-context-demanded",
            authn_context=[MFA],
        )

    refuse("authn-context-other", "A second factor is demanded, and a password was enough.")
    refuse("authn-context-none", "A class is demanded, and none is named.", (CLASS, ""))
    refuse("authn-context-case", "The class differs in case.", (PASSWORD, MFA.replace("mfa", "MFA")))
    refuse("authn-context-slash", "The class ends in a slash.", (PASSWORD, MFA + "/"))
    refuse(
        "authn-context-declaration",
        "The class stands in a declaration's reference, where nobody looks for a class.",
        (CLASS, f"<saml:AuthnContextDeclRef>{MFA}</saml:AuthnContextDeclRef>"),
    )


def ages(corpus):
    corpus.group = "when somebody must have signed in"
    corpus.accept(
        "authn-age-just-right",
        "Signed in as long ago as is allowed, with the skew.",
        sign(message((at(-10), at(-120)))),
        max_authn_age=60,
    )
    corpus.refuse(
        "authn-age-too-old",
        "Signed in one second longer ago.",
        "authn-too-old",
        sign(message((at(-10), at(-121)))),
        twin="authn-age-just-right",
        max_authn_age=60,
    )
    corpus.accept(
        "authn-forced",
        "A new sign-in was forced, and happened after the request.",
        sign(message((at(-10), at(-20)))),
        force_authn=True,
    )
    corpus.refuse(
        "authn-forced-and-not-done",
        "A new sign-in was forced, and the old one is shown: an identity provider that does not listen, or a request "
        "that lost its ForceAuthn on its way through the browser.",
        "authn-too-old",
        sign(message((at(-10), at(-91)))),
        twin="authn-forced",
        force_authn=True,
    )


def refusals_of_the_request(corpus):
    corpus.group = "statuses about what was asked"
    code = f'<samlp:StatusCode Value="{SUCCESS}"/>'
    begin, end = MESSAGE.index("  <saml:Assertion "), MESSAGE.index("</samlp:Response>")
    alone = MESSAGE[:begin] + MESSAGE[end:]
    failed = sign_response(edit(alone, "status:Success", "status:Requester"))
    honest = element(failed, "ds:Signature")
    forged = element(MESSAGE, "saml:Assertion").replace(ALICE, VICTIM)
    corpus.refuse(
        "status-failure-with-an-assertion-in-a-signature",
        "An honest signed failure, and behind its signature a second one that holds a forged assertion; readers whose "
        "enveloped-signature transform takes out both still verify it.",
        "assertion-misplaced",
        edit(failed, honest, honest + honest.replace("</ds:Signature>", f"<ds:Object>{forged}</ds:Object></ds:Signature>")),
        twin="rsa-sha256-response",
    )
    for status, expect, story in (
        ("NoPassive", "no-passive", "It would have had to show a page."),
        ("NoAuthnContext", "no-authn-context", "It cannot sign the person in in the way that was asked for."),
        ("InvalidNameIDPolicy", "invalid-nameid-policy", "It cannot name the person as was asked for."),
    ):
        failed = code.replace("/>", ">").replace("status:Success", "status:Responder")
        failed += f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:StatusCode>'
        corpus.refuse(
            f"status-{expect}",
            f"The identity provider's honest failure, signed: {story[0].lower()}{story[1:]}",
            expect,
            sign_response(edit(alone, code, failed)),
            twin="rsa-sha256-response",
        )
        corpus.refuse(
            f"status-{expect}-with-an-assertion",
            "The same failure, with an assertion all the same.",
            expect,
            sign(edit(MESSAGE, code, failed)),
        )
