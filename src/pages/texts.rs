//! Every sentence that a visitor can read, in one catalogue (English): the words of refusals here, those of the other
//! pages and of buttons in [`words`].
//!
//! Some hundred [`Reason`]s become a handful of [`Situation`]s: what a person can do is the same whether a digest or
//! an audience disagreed, and telling the two apart would only help somebody who is trying them out. The owner finds
//! the difference in the audit event under the same reference.

use crate::reason::Reason;

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
    /// Somebody's request to sign the person out was not accepted.
    SignOutFailed,
    /// Signed in, and not allowed here.
    NotAllowed,
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
            Reason::NoAuthnContext | Reason::AuthnContextMismatch | Reason::AuthnTooOld => {
                Self::SignedInOtherwise
            }
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
            | Reason::EmailDomainForeign => Self::AccountUnsuitable,
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
            Reason::SessionMissing => Self::NotSignedIn,
            Reason::FormMalformed | Reason::BodyIncomplete | Reason::PathMalformed | Reason::HostMissing => {
                Self::BadRequest
            }
            Reason::ReturnAddressForeign
            | Reason::IdpUnknown
            | Reason::HandoffInvalid
            | Reason::HandoffForeign => Self::BadLink,
            Reason::CrossSiteRequest => Self::CrossSite,
            Reason::SiteUnknown => Self::NoSuchSite,
            Reason::GatewayUntrusted
            | Reason::OriginalUrlMissing
            | Reason::OriginalUrlDoubled
            | Reason::OriginalUrlMalformed => Self::Misconfigured,
            Reason::Busy => Self::Busy,
            Reason::StoreUnavailable => Self::Unavailable,
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

    /// The words.
    pub const fn text(self) -> Text {
        match self {
            Self::SignInFailed => Text {
                title: "Sign-in did not work",
                what: "The answer from your organisation’s sign-in page could not be accepted, so you are not signed in.",
                try_this: "Start again. If it happens again, send the reference below to whoever \
                           looks after this application: it tells them what went wrong.",
                action: "Start again",
            },
            Self::IdpSaidNo => Text {
                title: "You were not signed in",
                what: "Your organisation’s sign-in page answered that it did not sign you in.",
                try_this: "If you cancelled, just start again. Otherwise your account may not be set up for this \
                           application yet: ask whoever looks after it, and give them the reference below.",
                action: "Start again",
            },
            Self::StartAgain => Text {
                title: "Please sign in again",
                what: "This sign-in took too long or was already used, for example by going back or reloading.",
                try_this: "Start again: it usually takes a moment only.",
                action: "Start again",
            },
            Self::BegunElsewhere => Text {
                title: "Please start here",
                what: "You came by a link or a tile of your organisation’s sign-in page. For your safety a sign-in to this \
                       application has to begin here.",
                try_this: "Press the button: if your organisation still remembers you, that is all. If the link should \
                           work by itself, send the reference below to whoever looks after this application.",
                action: "Sign in",
            },
            Self::NotWithoutAPage => Text {
                title: "You are not signed in yet",
                what: "This application only takes people whom your organisation’s sign-in page knows already, and it does \
                       not know you yet.",
                try_this: "Sign in at your organisation first, then come back and start again.",
                action: "Start again",
            },
            Self::SignedInOtherwise => Text {
                title: "Please sign in another way",
                what: "Your organisation signed you in, but not as recently or not by the means that this application asks \
                       for, such as a second factor.",
                try_this: "Sign out at your organisation, start again, and take the stronger way if you are offered one. If \
                           it happens again, send the reference below to whoever looks after this application.",
                action: "Start again",
            },
            Self::CookiesBlocked => Text {
                title: "Your browser lost track of this sign-in",
                what: "You came back from the sign-in page, but your browser did not bring back the cookie that it was \
                       given when you left.",
                try_this: "Allow cookies for this address, keep to one browser, and start again. A sign-in also has to \
                           be finished within 15 minutes.",
                action: "Start again",
            },
            Self::SignInLoop => Text {
                title: "Sign-in keeps starting over",
                what: "You signed in several times in a row, but your browser never came back with the cookie that \
                       keeps you signed in. We stopped here instead of sending you round again.",
                try_this: "Allow cookies for this address and start again. If they are allowed, something between your \
                           browser and this application drops them: send the reference below to whoever looks after it.",
                action: "Start again",
            },
            Self::AccountUnsuitable => Text {
                title: "Your account cannot be used here",
                what: "You were signed in by your organisation, but what it sent about your account is not what this \
                       application needs.",
                try_this: "Signing in again will not change that. Send the reference below to whoever looks after this \
                           application.",
                action: "Sign in again",
            },
            Self::SignOutFailed => Text {
                title: "This sign-out was not accepted",
                what: "Something asked this application to sign you out, and it is not certain that it was your \
                       organisation, or that it was meant now. Nothing was done.",
                try_this: "If you want to leave, sign out here yourself. If this happens again, send the reference \
                           below to whoever looks after this application.",
                action: "",
            },
            Self::NotAllowed => Text {
                title: "You do not have access",
                what: "You are signed in, but your account is not allowed to open this page.",
                try_this: "If you need it, ask whoever looks after this application for access, and give them the \
                           reference below. After they have changed something, sign out and in again.",
                action: "Sign in again",
            },
            Self::NotSignedIn => Text {
                title: "Please sign in",
                what: "This page is only for people who are signed in.",
                try_this: "Sign in to go on.",
                action: "Sign in",
            },
            Self::BadRequest => Text {
                title: "This request cannot be read",
                what: "What your browser sent is not something that this application understands.",
                try_this: "Check the address for typing errors, or start from the application’s front page.",
                action: "Go to the front page",
            },
            Self::HeaderTooLarge => Text {
                title: "Your browser sends too much at once",
                what: "Along with every page your browser sends the cookies of this address, and there are too many of \
                       them by now.",
                try_this: "Delete the cookies of this address in your browser’s settings, then open the page again.",
                action: "",
            },
            Self::BadLink => Text {
                title: "This link does not work",
                what: "The link that brought you here is out of date or was made for another place.",
                try_this: "Start from the application itself, and update your bookmark if you used one.",
                action: "Go to the front page",
            },
            Self::CrossSite => Text {
                title: "This request came from somewhere else",
                what: "A page of another site sent this request in your name, so nothing was done.",
                try_this: "If you meant to do this, open the application itself and do it there.",
                action: "Go to the front page",
            },
            Self::NoSuchSite => Text {
                title: "There is nothing at this address",
                what: "No application is served at this address.",
                try_this: "Check the address. If it worked before, send the reference below to whoever looks after it.",
                action: "",
            },
            Self::Misconfigured => Text {
                title: "This application is not set up correctly",
                what: "The server in front of the application did not pass on what is needed to let you in.",
                try_this: "There is nothing you can do yourself. Send the reference below to whoever looks after this \
                           application.",
                action: "",
            },
            Self::Busy => Text {
                title: "Very busy just now",
                what: "More people are signing in than can be served at this moment.",
                try_this: "Wait a few seconds, then start again.",
                action: "Start again",
            },
            Self::Unavailable => Text {
                title: "Sign-in is not available just now",
                what: "The place where sign-ins are kept cannot be reached, so nobody can be let in safely.",
                try_this: "Wait a minute, then try again. If it lasts, send the reference below to whoever looks after \
                           this application.",
                action: "Try again",
            },
            Self::IdpUnavailable => Text {
                title: "Sign-in is not available just now",
                what: "Your organisation’s sign-in service cannot be used at this moment. Whoever is signed in already \
                       stays signed in.",
                try_this: "Wait a minute, then try again. If it lasts, send the reference below to whoever looks after \
                           this application.",
                action: "Try again",
            },
            Self::ApplicationDown => Text {
                title: "The application is not reachable",
                what: "You are in the right place, but the application behind this page does not answer.",
                try_this: "Reload this page in a minute. If it lasts, send the reference below to whoever looks after \
                           the application.",
                action: "Try again",
            },
            Self::ApplicationSlow => Text {
                title: "The application is taking too long",
                what: "The application got your request but did not answer in time. It may still be working on it.",
                try_this: "Look whether it was done before you send it again. If it lasts, send the reference below to \
                           whoever looks after the application.",
                action: "Try again",
            },
            Self::Internal => Text {
                title: "Something broke on our side",
                what: "Your request could not be handled, and nothing was passed on.",
                try_this: "Try again in a minute. If it lasts, send the reference below to whoever looks after this \
                           application.",
                action: "Try again",
            },
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
            | Self::AccountUnsuitable => "sign-in-failed",
            Self::SignOutFailed => "sign-out-failed",
            Self::NotAllowed | Self::CrossSite => "access-denied",
            Self::NotSignedIn => "session-missing",
            Self::BadRequest | Self::HeaderTooLarge | Self::BadLink | Self::Misconfigured => "bad-request",
            Self::NoSuchSite => "site-unknown",
            Self::Busy | Self::Unavailable | Self::IdpUnavailable => "unavailable",
            Self::ApplicationDown => "upstream-unreachable",
            Self::ApplicationSlow => "upstream-timeout",
            Self::Internal => "internal",
        }
    }

    /// Seconds after which trying again makes sense; for answers with status 503.
    pub const fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::Busy => Some("5"),
            Self::Unavailable | Self::IdpUnavailable => Some("30"),
            _ => None,
        }
    }
}

/// What the other pages say, and every label. Templates name these directly.
pub(super) mod words {
    pub(in crate::pages) const PRODUCT: &str = "Vestibule";
    pub(in crate::pages) const GET_HELP: &str = "Get help";
    pub(in crate::pages) const REFERENCE: &str = "Reference";
    pub(in crate::pages) const SIGNED_IN_AS: &str = "Signed in as";
    pub(in crate::pages) const SIGN_OUT: &str = "Sign out";
    pub(in crate::pages) const FRONT_PAGE: &str = "Go to the front page";

    pub(in crate::pages) const TO_IDP_TITLE: &str = "Taking you to the sign-in page";
    pub(in crate::pages) const TO_SELF_TITLE: &str = "Finishing your sign-in";
    pub(in crate::pages) const PRESS_CONTINUE: &str =
        "If nothing happens within a few seconds, press the button.";
    pub(in crate::pages) const CONTINUE: &str = "Continue";

    pub(in crate::pages) const SIGN_OUT_TITLE: &str = "Do you want to sign out?";
    pub(in crate::pages) const YOU_ARE: &str = "You are signed in as";
    pub(in crate::pages) const STAY: &str = "Stay signed in";

    pub(in crate::pages) const EXCHANGE_TITLE: &str = "Do you want to switch accounts?";
    pub(in crate::pages) const EXCHANGE_THEN: &str =
        "You have just been sent here by your organisation’s sign-in page as";
    pub(in crate::pages) const EXCHANGE_WARNING: &str = "If you did not ask for that, stay as you are: somebody may want you to work in an account that is not yours.";
    pub(in crate::pages) const EXCHANGE: &str = "Switch to";
    pub(in crate::pages) const EXCHANGE_STAY: &str = "Stay as";

    pub(in crate::pages) const SIGNED_OUT_TITLE: &str = "You are signed out";
    pub(in crate::pages) const SIGNED_OUT: &str = "You have left this application.";
    pub(in crate::pages) const REMEMBERED: &str = "Your organisation may still remember you, so that signing in again can happen without a password. On a \
         shared computer, close all browser windows now.";
    pub(in crate::pages) const ENDED_THERE: &str =
        "Your organisation has ended your sign-in there too, and at the other applications that it knows of.";
    pub(in crate::pages) const PARTLY_THERE: &str = "Your organisation has ended your sign-in there, but could not reach every other application where you are signed \
         in. On a shared computer, close all browser windows now.";
    pub(in crate::pages) const REFUSED_THERE: &str = "Your organisation did not end your sign-in there, so that signing in again can happen without a password. On \
         a shared computer, sign out there too, or close all browser windows now.";
    pub(in crate::pages) const UNKNOWN_THERE: &str = "Whether your organisation has ended your sign-in there is not known: its answer could not be accepted. On a \
         shared computer, close all browser windows now.";
    pub(in crate::pages) const GO_ON: &str = "Continue";
    pub(in crate::pages) const SIGNING_OUT_TITLE: &str = "Signing you out";
    pub(in crate::pages) const SIGN_IN_AGAIN: &str = "Sign in again";

    pub(in crate::pages) const SIGN_IN_TO: &str = "Sign in to";
    pub(in crate::pages) const CHOOSE: &str = "Choose where you have your account.";

    pub(in crate::pages) const NOT_FOUND_TITLE: &str = "There is nothing here";
    pub(in crate::pages) const NOT_FOUND: &str =
        "This address belongs to the sign-in of the application, but no page lives here.";
    pub(in crate::pages) const CHECK_ADDRESS: &str =
        "Check the address, or start from the application’s front page.";

    pub(in crate::pages) const WRONG_METHOD_TITLE: &str = "This address works differently";
    pub(in crate::pages) const WRONG_METHOD: &str =
        "The address exists, but it is not meant to be opened in this way.";
    pub(in crate::pages) const START_AT_FRONT: &str = "Start from the application’s front page.";

    pub(in crate::pages) const BROKEN_TITLE: &str = "Something broke on our side";
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
            assert_eq!(reason.status() == 503, Situation::of(reason).retry_after().is_some(), "{reason}");
        }
    }

    #[test]
    fn no_text_shows_a_code() {
        for &reason in Reason::ALL {
            let text = Situation::of(reason).text();
            for words in [text.title, text.what, text.try_this, text.action] {
                // A code of one word ("busy") may be the plain word for it too.
                let shown = reason.code().contains('-') && words.contains(reason.code());
                assert!(!shown, "{reason}: {words}");
                assert!(!words.contains("SAML") && !words.contains("  "), "{reason}: {words}");
            }
        }
    }
}
