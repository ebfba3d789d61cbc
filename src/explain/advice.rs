//! What lies behind a refusal: the sentences of the table of reasons, and what can be said about this very message.

use super::report::{Cause, SignatureSeen, Values, seconds_after};
use super::{Party, Reader, Request, differ};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::saml::reading::{self, Node, shown};
use crate::saml::trace::Compared;

/// A message and what it is held against.
pub(super) struct Case<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) party: &'a Party<'a>,
    pub(super) node: Option<&'a Node>,
    pub(super) request: Option<&'a Request>,
    pub(super) at: Moment,
    pub(super) signatures: &'a [SignatureSeen],
}

impl Case<'_> {
    /// A refusal with everything that helps to mend it.
    pub(super) fn cause(&self, refusal: &Refusal, compared: Option<&Compared>) -> Cause {
        Cause {
            code: refusal.reason.code(),
            meaning: refusal.reason.meaning(),
            detail: self.detail(refusal),
            likely_cause: refusal.reason.likely_cause(),
            what_to_change: refusal.reason.what_to_change(),
            hints: self.hints(refusal, compared),
        }
    }

    /// The values that disagreed. A status is told in the other side's words.
    pub(super) fn detail(&self, refusal: &Refusal) -> String {
        match refusal.reason {
            reason if is_status(reason) => self.reader.privacy.of_sentence(&refusal.detail),
            _ => refusal.detail.to_string(),
        }
    }

    /// What a rule compared, to show.
    pub(super) fn values(&self, reason: Reason, compared: &Compared) -> Values {
        match compared {
            Compared::Texts { found, wanted } => Values::Texts {
                found: vec![found.clone()],
                wanted: wanted.clone(),
                difference: differ::difference(found, wanted),
            },
            Compared::OneOf { found, wanted } => Values::Texts {
                found: found.clone(),
                wanted: wanted.clone(),
                difference: differ::nearest(found, wanted)
                    .filter(|_| !found.contains(wanted))
                    .and_then(|nearest| differ::difference(nearest, wanted)),
            },
            Compared::Times { what, then, compared_with } => Values::Times {
                what,
                then: then.to_string(),
                compared_with: compared_with.to_string(),
                seconds_later: seconds_after(*then, *compared_with),
            },
            Compared::Words(words) => {
                Values::Words { words: self.detail(&Refusal::new(reason, words.clone())) }
            }
        }
    }

    /// What the times of the message tell about clocks, whether or not a rule refuses by them.
    pub(super) fn clocks(&self) -> Vec<String> {
        let skew = self.skew_seconds();
        let mut said = Vec::new();
        let asked = self.request.and_then(|request| request.issued);
        if let (Some(issued), Some(asked)) = (self.issued(), asked) {
            let late = seconds_after(issued, asked);
            if late < 0 {
                said.push(format!(
                    "the IdP's clock is {} s behind ours: it answered before it was asked",
                    -late
                ));
            }
        }
        if let Some(issued) = self.issued() {
            let ahead = seconds_after(issued, self.at);
            if ahead > 0 {
                let enough = if ahead > skew { "more than" } else { "within" };
                said.push(format!(
                    "the IdP's clock is {ahead} s ahead of the time judged at, {enough} the {skew} s of `clock_skew`"
                ));
            }
        }
        said
    }

    fn hints(&self, refusal: &Refusal, compared: Option<&Compared>) -> Vec<String> {
        let mut hints = Vec::new();
        match compared {
            Some(Compared::Texts { found, wanted }) => hints.extend(differ::difference(found, wanted)),
            Some(Compared::OneOf { found, wanted }) => {
                hints.extend(
                    differ::nearest(found, wanted).and_then(|nearest| differ::difference(nearest, wanted)),
                );
            }
            Some(Compared::Times { then, compared_with, .. }) => {
                hints.extend(self.about_times(refusal.reason, *then, *compared_with));
            }
            Some(Compared::Words(_)) | None => {}
        }
        match refusal.reason {
            Reason::SignatureInvalid => hints.extend(self.about_the_signer()),
            Reason::DigestMismatch => hints.push(
                "whoever signed did sign another text than this one: it was changed on its way, were it only by a \
                 program that formats XML or rewrites line ends"
                    .to_owned(),
            ),
            Reason::ResponseIssuerMismatch | Reason::IssuerMismatch => hints.extend(self.about_the_issuer()),
            reason if is_status(reason) => hints.extend(self.about_the_status()),
            Reason::DestinationMismatch | Reason::RecipientMismatch => hints.extend(self.about_the_address(compared)),
            Reason::UserMissing => {
                hints.push(format!("`identity.user` asks for {}", self.party.mapping.user.join(", ")));
            }
            _ => {}
        }
        hints
    }

    fn about_times(&self, reason: Reason, then: Moment, compared_with: Moment) -> Option<String> {
        let skew = self.skew_seconds();
        let later = seconds_after(then, compared_with);
        match reason {
            Reason::IssueInstantFuture | Reason::ConditionsNotYetValid | Reason::AuthnInstantInvalid => {
                Some(format!("the IdP's clock is {later} s ahead; `clock_skew` allows {skew} s"))
            }
            Reason::IssueInstantOld => Some(format!(
                "it was issued {} s before the request: the IdP's clock is that far behind, or it is an old answer",
                -later
            )),
            Reason::ConfirmationExpired | Reason::ConditionsExpired | Reason::SessionExpired => {
                let over = format!("it was over {} s before", -later);
                let issued = self.issued().map(|issued| (seconds_after(compared_with, issued), issued));
                Some(match issued {
                    Some((age, issued)) if age > 0 => format!(
                        "{over}; it had been issued {age} s before, for {} s: the IdP's clock is behind, or the answer \
                         took that long",
                        seconds_after(then, issued)
                    ),
                    _ => over,
                })
            }
            _ => None,
        }
    }

    /// The certificate that the message shows tells who probably signed.
    fn about_the_signer(&self) -> Vec<String> {
        let mut hints = Vec::new();
        for signature in self.signatures.iter().filter(|signature| signature.made_by.is_none()) {
            let over = &signature.over;
            match signature.shown.first() {
                Some(shown) if shown.configured => hints.push(format!(
                    "{over}: the message shows the configured certificate {}, and yet its key did not make the \
                     signature: it was altered, or only claims to be theirs",
                    shown.subject
                )),
                Some(shown) => hints.push(format!(
                    "{over}: the message shows the certificate {} (SHA-256 {}), which is not in your metadata of \
                     `{}`: if the IdP has changed its key, fetch its metadata anew; compare the fingerprint there, \
                     and do not take the certificate from the message",
                    shown.subject, shown.sha256, self.party.idp
                )),
                None => hints.push(format!("{over}: the message shows no certificate of its signer")),
            }
            if signature.unaltered == Some(true) {
                hints.push(format!("{over}: it is unaltered since it was signed, by whomever"));
            }
        }
        hints
    }

    fn about_the_issuer(&self) -> Option<String> {
        let issuer = self.text(&["Assertion", "Issuer"]).or_else(|| self.text(&["Issuer"]))?;
        let other = self.reader.parties.iter().find(|p| p.identity_provider.entity_id.as_str() == issuer)?;
        (other.idp != self.party.idp).then(|| {
            format!(
                "it is the name of your identity provider `{}`, and `{}` was asked",
                other.idp, self.party.idp
            )
        })
    }

    fn about_the_address(&self, compared: Option<&Compared>) -> Option<String> {
        let Some(Compared::Texts { found, .. }) = compared else { return None };
        let theirs = self.reader.parties.iter().find(|party| party.acs_urls.contains(found))?;
        (theirs.site != self.party.site).then(|| format!("it is the address of your site `{}`", theirs.site))
    }

    /// Core 3.2.2.2: what the codes mean, for whoever configured the two sides.
    fn about_the_status(&self) -> Vec<String> {
        let mut hints = Vec::new();
        let mut at = self.node.and_then(|node| node.at(&["Status", "StatusCode"]));
        while let Some(code) = at {
            let value = code.attribute("Value").unwrap_or_default();
            hints.extend(meaning_of_status(super::says::last_part(value)).map(str::to_owned));
            at = code.child("StatusCode");
        }
        if let Some(message) = self.text(&["Status", "StatusMessage"]).filter(|message| !message.is_empty()) {
            hints.push(format!("the IdP says: {}", shown(&self.reader.privacy.of_sentence(message))));
        }
        hints
    }

    fn text(&self, names: &[&str]) -> Option<&str> {
        self.node.and_then(|node| node.at(names)).map(|node| node.text.as_str())
    }

    /// When the message says that it was issued.
    fn issued(&self) -> Option<Moment> {
        self.node.and_then(|node| node.attribute("IssueInstant")).and_then(reading::moment)
    }

    fn skew_seconds(&self) -> i64 {
        i64::try_from(self.party.policy.clock_skew.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Whether the IdP's own words are the cause.
const fn is_status(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::StatusNotSuccess | Reason::NoPassive | Reason::NoAuthnContext | Reason::InvalidNameIdPolicy
    )
}

fn meaning_of_status(code: &str) -> Option<&'static str> {
    Some(match code {
        "Requester" => "Requester: the IdP blames our request",
        "Responder" => "Responder: the IdP failed by itself, or would not say why",
        "VersionMismatch" => "VersionMismatch: the IdP does not speak SAML 2.0 at this address",
        "AuthnFailed" => "AuthnFailed: the user could not sign in there",
        "NoAuthnContext" => "NoAuthnContext: the IdP cannot sign users in as strongly as was asked",
        "NoPassive" => "NoPassive: the user would have had to be asked, and the request forbade it",
        "InvalidNameIDPolicy" => "InvalidNameIDPolicy: the IdP has no NameID of the kind that was asked for",
        "RequestDenied" => {
            "RequestDenied: the user is not assigned to the application, or the IdP does not know us"
        }
        "RequestUnsupported" => "RequestUnsupported: the IdP does not do what was asked",
        "UnknownPrincipal" => "UnknownPrincipal: the IdP does not know the user",
        "UnsupportedBinding" => "UnsupportedBinding: the IdP cannot answer by POST",
        _ => return None,
    })
}
