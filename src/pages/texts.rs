//! Every sentence that a visitor can read, in one catalogue for each language: the words of refusals ([`Text`]), and those
//! of the other pages and of buttons ([`Words`]). Another language is a file beside `english.rs` and a line in [`Language`].
//!
//! Some hundred [`Reason`]s become a handful of [`Situation`]s: what a person can do is the same whether a digest or
//! an audience disagreed, and telling the two apart would only help somebody who is trying them out. The owner finds
//! the difference in the audit event under the same reference.

mod english;

use crate::reason::Reason;

/// The language of the pages, chosen once for a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// The only one so far.
    #[default]
    English,
}

impl Language {
    /// For the attribute `lang` (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
        }
    }

    /// The words of a refusal.
    pub const fn refusal(self, situation: Situation) -> Text {
        match self {
            Self::English => english::refusal(situation),
        }
    }

    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::English => &english::WORDS,
        }
    }
}

/// What went wrong, as far as the person in front of the browser can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Situation {
    /// The answer of the IdP was not accepted.
    SignInFailed,
    /// The IdP itself said no.
    IdpSaidNo,
    /// The answer came too late, or a second time: nothing is wrong, start again.
    StartAgain,
    /// The sign-in began at a tile or link of the IdP's, and this application wants to begin it.
    BegunElsewhere,
    /// The IdP would have had to show a page and was told not to.
    NotWithoutAPage,
    /// How or when the person signed in at the IdP will not do.
    SignedInOtherwise,
    /// The browser that came back does not hold the cookie it was given.
    CookiesBlocked,
    /// Round and round.
    SignInLoop,
    /// The IdP knows the person, but sent nothing that this application can work with.
    AccountUnsuitable,
    /// The IdP knows the person, and this application only takes those who were invited.
    NotInvited,
    /// Nobody can sign in: no IdP is in use.
    NotOpen,
    /// Somebody's request to sign the person out was not accepted.
    SignOutFailed,
    /// Signed in, and not allowed here.
    NotAllowed,
    /// Signed in at as many places as may be.
    SignedInElsewhere,
    /// A form of the list of sessions that is not this session's.
    ListOutdated,
    /// No session.
    NotSignedIn,
    /// The request itself cannot be read.
    BadRequest,
    /// The request's header is too large: mostly cookies.
    HeaderTooLarge,
    /// A link of ours with values that are not ours.
    BadLink,
    /// Another site's page sent it.
    CrossSite,
    /// Nothing is served under this host.
    NoSuchSite,
    /// The gateway in front does not say what it must.
    Misconfigured,
    /// Too many sign-ins at once.
    Busy,
    /// Too many from this address.
    TooMany,
    /// The gate's own memory is not there.
    Unavailable,
    /// Nothing valid is known of the IdP.
    IdpUnavailable,
    /// The application does not answer.
    ApplicationDown,
    /// The application answers too late.
    ApplicationSlow,
    /// A defect of ours.
    Internal,
}

/// The words of one situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// The page's title and heading.
    pub title: &'static str,
    /// What happened, without detail.
    pub what: &'static str,
    /// What the person can do.
    pub try_this: &'static str,
    /// What the button says when there is an address to go to; empty: no button.
    pub action: &'static str,
}

impl Situation {
    /// The situation that a reason puts the visitor in. What is not named here is a rule about the IdP's answer.
    pub const fn of(reason: Reason) -> Self {
        match reason {
            Reason::StatusNotSuccess | Reason::InvalidNameIdPolicy => Self::IdpSaidNo,
            Reason::NoPassive => Self::NotWithoutAPage,
            Reason::NoAuthnContext
            | Reason::AuthnContextMismatch
            | Reason::AuthnTooOld
            | Reason::StepUpNeeded
            | Reason::StepUpFailed => Self::SignedInOtherwise,
            Reason::InResponseToMissing | Reason::ConfirmationInResponseToMissing => Self::BegunElsewhere,
            Reason::InResponseToMismatch
            | Reason::ConfirmationInResponseToMismatch
            | Reason::ConfirmationExpired
            | Reason::ConditionsExpired
            | Reason::SessionExpired
            | Reason::AssertionReplayed
            | Reason::RequestAnswered
            | Reason::AttemptExpired
            | Reason::AttemptBeforeStart
            | Reason::HandoffExpired
            | Reason::HandoffReplayed
            | Reason::HandoffEnded => Self::StartAgain,
            Reason::AttemptMissing | Reason::HandoffUnasked => Self::CookiesBlocked,
            Reason::SignInLoop => Self::SignInLoop,
            Reason::SubjectMissing
            | Reason::NameIdMissing
            | Reason::NameIdTransient
            | Reason::UserMissing
            | Reason::EmailInvalid
            | Reason::IdentityControlCharacter
            | Reason::ScopeForeign
            | Reason::IdentityIncomplete
            | Reason::GroupsOverage
            | Reason::AccountNotLinked
            | Reason::EmailDomainForeign => Self::AccountUnsuitable,
            Reason::NotInvited => Self::NotInvited,
            Reason::NoIdpLive => Self::NotOpen,
            Reason::QueryMalformed
            | Reason::QuerySignatureIncomplete
            | Reason::DeflateInvalid
            | Reason::NotALogoutMessage
            | Reason::LogoutMalformed
            | Reason::LogoutSwitchedOff
            | Reason::LogoutUnsigned
            | Reason::LogoutIssuerUnknown
            | Reason::LogoutDestinationMissing
            | Reason::LogoutDestinationMismatch
            | Reason::LogoutExpired
            | Reason::LogoutReplayed
            | Reason::LogoutUnsolicited => Self::SignOutFailed,
            Reason::AccessDenied | Reason::AccessUnknownGroups => Self::NotAllowed,
            Reason::SessionLimit => Self::SignedInElsewhere,
            Reason::SessionsFormInvalid => Self::ListOutdated,
            Reason::SessionMissing => Self::NotSignedIn,
            Reason::FormMalformed | Reason::BodyIncomplete | Reason::PathMalformed | Reason::HostMissing => {
                Self::BadRequest
            }
            Reason::ReturnAddressForeign
            | Reason::IdpUnknown
            | Reason::HandoffInvalid
            | Reason::HandoffForeign
            | Reason::IdpStaged
            | Reason::IdpRetired
            | Reason::TestLinkInvalid
            | Reason::TestLinkExpired => Self::BadLink,
            Reason::CrossSiteRequest => Self::CrossSite,
            Reason::SiteUnknown => Self::NoSuchSite,
            Reason::GatewayUntrusted
            | Reason::OriginalUrlMissing
            | Reason::OriginalUrlDoubled
            | Reason::OriginalUrlMalformed => Self::Misconfigured,
            Reason::Busy => Self::Busy,
            Reason::RateLimited => Self::TooMany,
            Reason::StoreUnavailable | Reason::AuditUnavailable => Self::Unavailable,
            Reason::UpstreamUnreachable => Self::ApplicationDown,
            Reason::UpstreamTimeout => Self::ApplicationSlow,
            Reason::Internal => Self::Internal,
            // What has no line above says by its status whose fault it is; most are rules about the IdP's answer.
            other => match other.status() {
                // Everything about metadata: the IdP cannot be used, whatever is wrong with it.
                503 => Self::IdpUnavailable,
                500.. => Self::Internal,
                404 => Self::NoSuchSite,
                405 | 411 | 413..=415 => Self::BadRequest,
                431 => Self::HeaderTooLarge,
                _ => Self::SignInFailed,
            },
        }
    }

    /// Where to go on when whoever refused knows no better place.
    pub const fn way_on(self) -> Option<&'static str> {
        match self {
            Self::BadRequest | Self::BadLink => Some("/"),
            _ => None,
        }
    }

    /// The word that a script is told: few, stable, and no help to somebody who is guessing.
    pub const fn public_code(self) -> &'static str {
        match self {
            Self::SignInFailed
            | Self::IdpSaidNo
            | Self::StartAgain
            | Self::BegunElsewhere
            | Self::NotWithoutAPage
            | Self::SignedInOtherwise
            | Self::CookiesBlocked
            | Self::SignInLoop
            | Self::AccountUnsuitable
            | Self::NotInvited
            | Self::SignedInElsewhere
            | Self::NotOpen => "sign-in-failed",
            Self::SignOutFailed => "sign-out-failed",
            Self::NotAllowed | Self::CrossSite => "access-denied",
            Self::NotSignedIn => "session-missing",
            Self::BadRequest
            | Self::HeaderTooLarge
            | Self::BadLink
            | Self::ListOutdated
            | Self::Misconfigured => "bad-request",
            Self::NoSuchSite => "site-unknown",
            Self::Busy | Self::Unavailable | Self::IdpUnavailable => "unavailable",
            Self::TooMany => "too-many-requests",
            Self::ApplicationDown => "upstream-unreachable",
            Self::ApplicationSlow => "upstream-timeout",
            Self::Internal => "internal",
        }
    }

    /// Seconds after which trying again makes sense; for answers with status 429 and 503.
    pub const fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::Busy | Self::TooMany => Some("5"),
            Self::Unavailable | Self::IdpUnavailable => Some("30"),
            _ => None,
        }
    }
}

/// What the other pages say, and every label. Templates read it from their frame.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) product: &'static str,
    pub(super) get_help: &'static str,
    pub(super) reference: &'static str,
    pub(super) signed_in_as: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) front_page: &'static str,
    pub(super) to_idp_title: &'static str,
    pub(super) to_self_title: &'static str,
    pub(super) to_target_title: &'static str,
    pub(super) press_continue: &'static str,
    pub(super) resume: &'static str,
    pub(super) sign_out_title: &'static str,
    pub(super) you_are: Around,
    pub(super) stay: &'static str,
    pub(super) exchange_title: &'static str,
    pub(super) exchange_then: Around,
    pub(super) exchange_warning: &'static str,
    pub(super) exchange: Around,
    pub(super) exchange_stay: Around,
    pub(super) signed_out_title: &'static str,
    pub(super) signed_out: &'static str,
    pub(super) remembered: &'static str,
    pub(super) ended_there: &'static str,
    pub(super) partly_there: &'static str,
    pub(super) refused_there: &'static str,
    pub(super) unknown_there: &'static str,
    pub(super) signing_out_title: &'static str,
    pub(super) sign_in_again: &'static str,
    pub(super) sign_in_to: Around,
    pub(super) choose: &'static str,
    pub(super) choose_or_write: &'static str,
    pub(super) last_time: &'static str,
    pub(super) continue_with: Around,
    pub(super) other_choices: &'static str,
    pub(super) email: &'static str,
    pub(super) email_button: &'static str,
    pub(super) or: &'static str,
    pub(super) search: &'static str,
    pub(super) search_label: &'static str,
    pub(super) found: &'static str,
    pub(super) found_none: &'static str,
    pub(super) show_all: &'static str,
    pub(super) not_an_address: &'static str,
    pub(super) unknown_domain: &'static str,
    pub(super) several_domains: &'static str,
    pub(super) places_title: &'static str,
    pub(super) places: &'static str,
    pub(super) places_label: &'static str,
    pub(super) no_places_title: &'static str,
    pub(super) no_places: &'static str,
    pub(super) no_places_try: &'static str,
    pub(super) nobody_here_title: &'static str,
    pub(super) nobody_here: &'static str,
    pub(super) nobody_here_try: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) own_title: &'static str,
    pub(super) own_intro: Around,
    pub(super) own_intro_end: &'static str,
    pub(super) own_this: &'static str,
    pub(super) own_on: &'static str,
    pub(super) own_unknown: &'static str,
    pub(super) own_signed_in: Around,
    pub(super) own_used: Around,
    pub(super) own_now: &'static str,
    pub(super) own_minutes: Around,
    pub(super) own_hours: Around,
    pub(super) own_days: Around,
    pub(super) own_more: Around,
    pub(super) own_end_others: &'static str,
    pub(super) own_strange: &'static str,
    pub(super) own_alone: &'static str,
    pub(super) own_everywhere: &'static str,
    pub(super) own_link: &'static str,
    pub(super) own_ended_none: &'static str,
    pub(super) own_ended_one: &'static str,
    pub(super) own_ended: Around,
    pub(super) not_found_title: &'static str,
    pub(super) not_found: &'static str,
    pub(super) check_address: &'static str,
    pub(super) wrong_method_title: &'static str,
    pub(super) wrong_method: &'static str,
    pub(super) start_at_front: &'static str,
    pub(super) broken_title: &'static str,
    pub(super) trial_ask_title: &'static str,
    pub(super) trial_ask: &'static str,
    pub(super) trial_go: &'static str,
    pub(super) trial_accepted_title: &'static str,
    pub(super) trial_refused_title: &'static str,
    pub(super) trial_nobody: &'static str,
    pub(super) trial_text: &'static str,
    pub(super) trial_copy: &'static str,
    pub(super) trial_copied: &'static str,
}

/// A sentence around a value: what stands before it, and what after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around(pub(super) &'static str, pub(super) &'static str);

impl Around {
    /// With the value in it, where nothing need be marked up.
    pub(super) fn with(self, value: &str) -> String {
        format!("{}{value}{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_cannot_change_is_not_told_apart() {
        assert_eq!(Situation::of(Reason::SignatureInvalid), Situation::SignInFailed);
        assert_eq!(Situation::of(Reason::AudienceMismatch), Situation::SignInFailed);
        assert_eq!(Situation::of(Reason::XmlDoctype), Situation::SignInFailed);
    }

    #[test]
    fn what_a_person_can_change_is_named() {
        assert_eq!(Situation::of(Reason::AttemptMissing), Situation::CookiesBlocked);
        assert_eq!(Situation::of(Reason::SignInLoop), Situation::SignInLoop);
        assert_eq!(Situation::of(Reason::AttemptExpired), Situation::StartAgain);
        assert_eq!(Situation::of(Reason::AccessDenied), Situation::NotAllowed);
        assert_eq!(Situation::of(Reason::NotInvited), Situation::NotInvited);
        assert_eq!(Situation::of(Reason::NoIdpLive), Situation::NotOpen);
    }

    #[test]
    fn no_reason_of_status_5xx_blames_the_visitor() {
        for &reason in Reason::ALL {
            let ours = matches!(
                Situation::of(reason),
                Situation::Busy
                    | Situation::Unavailable
                    | Situation::IdpUnavailable
                    | Situation::ApplicationDown
                    | Situation::ApplicationSlow
                    | Situation::Internal
            );
            assert_eq!(reason.status() >= 500, ours, "{reason}");
        }
    }

    #[test]
    fn every_503_says_when_to_come_back() {
        for &reason in Reason::ALL {
            let waits = matches!(reason.status(), 429 | 503);
            assert_eq!(waits, Situation::of(reason).retry_after().is_some(), "{reason}");
        }
    }

    #[test]
    fn no_text_shows_a_code() {
        for &reason in Reason::ALL {
            let text = Language::English.refusal(Situation::of(reason));
            for words in [text.title, text.what, text.try_this, text.action] {
                // A code of one word ("busy") may be the plain word for it too.
                let shown = reason.code().contains('-') && words.contains(reason.code());
                assert!(!shown, "{reason}: {words}");
                assert!(!words.contains("SAML") && !words.contains("  "), "{reason}: {words}");
            }
        }
    }
}
