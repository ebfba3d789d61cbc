//! The catalogue in English.

use super::{Around, Situation, Text, Words};

/// What the pages say that refuse nothing, and every label.
pub(super) const WORDS: Words = Words {
    product: "Vestibule",
    get_help: "Get help",
    reference: "Reference",
    signed_in_as: "Signed in as",
    sign_out: "Sign out",
    front_page: "Go to the front page",

    to_idp_title: "Taking you to the sign-in page",
    to_self_title: "Finishing your sign-in",
    to_target_title: "You are signed in",
    press_continue: "If nothing happens within a few seconds, press the button.",
    resume: "Continue",

    sign_out_title: "Do you want to sign out?",
    you_are: Around("You are signed in as ", "."),
    stay: "Stay signed in",

    exchange_title: "Do you want to switch accounts?",
    exchange_then: Around("You have just been sent here by your organisation’s sign-in page as ", "."),
    exchange_warning: "If you did not ask for that, stay as you are: somebody may want you to work in an account that is \
                       not yours.",
    exchange: Around("Switch to ", ""),
    exchange_stay: Around("Stay as ", ""),

    signed_out_title: "You are signed out",
    signed_out: "You have left this application.",
    remembered: "Your organisation may still remember you, so that signing in again can happen without a password. On a \
                 shared computer, close all browser windows now.",
    ended_there: "Your organisation has ended your sign-in there too, and at the other applications that it knows of.",
    partly_there: "Your organisation has ended your sign-in there, but could not reach every other application where you \
                   are signed in. On a shared computer, close all browser windows now.",
    refused_there: "Your organisation did not end your sign-in there, so that signing in again can happen without a \
                    password. On a shared computer, sign out there too, or close all browser windows now.",
    unknown_there: "Whether your organisation has ended your sign-in there is not known: its answer could not be \
                    accepted. On a shared computer, close all browser windows now.",
    signing_out_title: "Signing you out",
    sign_in_again: "Sign in again",

    sign_in_to: Around("Sign in to ", ""),
    choose: "Choose where you have your account.",
    choose_or_write: "Choose where you have your account, or let your e-mail address find it.",
    last_time: "Last time",
    continue_with: Around("Continue with ", ""),
    other_choices: "All sign-in pages",
    email: "E-mail address",
    email_button: "Continue",
    or: "or",
    search: "Search",
    search_label: "Find your organisation",
    found: "{n} of {all} sign-in pages",
    found_none: "No sign-in page has that name.",
    show_all: "Show all",
    not_an_address: "Please write your whole e-mail address, such as name@example.com.",
    unknown_domain: "No sign-in page is set up here for that e-mail address. Check it for typing errors, or choose your \
                     sign-in page from the list.",
    several_domains: "More than one sign-in page serves that e-mail address. Please choose yours.",

    places_title: "Where would you like to go?",
    places: "You are signed in. These applications are open to you without signing in again.",
    places_label: "Applications",
    no_places_title: "No application is open to you",
    no_places: "You are signed in, but your account is not allowed into any of the applications that use this sign-in.",
    no_places_try: "If you expected one here, ask whoever looks after it for access. If you have another account, sign out \
                    and come back with that one.",
    nobody_here_title: "You are not signed in",
    nobody_here: "This address signs people in for several applications.",
    nobody_here_try: "Open the application that you want to use: it brings you here when you need to sign in. Or sign in \
                      first, and choose an application afterwards.",
    sign_in: "Sign in",

    own_title: "Where you are signed in",
    own_intro: Around("These browsers are signed in to ", " as "),
    own_intro_end: ".",
    own_this: "This browser",
    own_on: " on ",
    own_unknown: "A browser that nobody knows",
    own_signed_in: Around("Signed in ", " with "),
    own_used: Around("Last used ", ""),
    own_now: "just now",
    own_minutes: Around("", " minutes ago"),
    own_hours: Around("", " hours ago"),
    own_days: Around("", " days ago"),
    own_more: Around("", " more are not shown. They end with all others."),
    own_end_others: "Sign out everywhere else",
    own_strange: "If you do not recognise one of them, sign it out and change your password at your organisation: who knows it can sign in again.",
    own_alone: "No other browser is signed in here.",
    own_everywhere: "All applications that share your sign-in are listed at ",
    own_link: "See where else you are signed in",
    own_ended_none: "It had ended already.",
    own_ended_one: "One other sign-in has ended.",
    own_ended: Around("", " other sign-ins have ended."),

    not_found_title: "There is nothing here",
    not_found: "This address belongs to the sign-in of the application, but no page lives here.",
    check_address: "Check the address, or start from the application’s front page.",

    wrong_method_title: "This address works differently",
    wrong_method: "The address exists, but it is not meant to be opened in this way.",
    start_at_front: "Start from the application’s front page.",

    broken_title: "Something broke on our side",
    trial_ask_title: "Test sign-in",
    trial_ask: "Nothing has been sent yet. This is what the identity provider will be asked, and where its answer must go.",
    trial_go: "Go to the identity provider",
    trial_accepted_title: "The test sign-in would be accepted",
    trial_refused_title: "The test sign-in would be refused",
    trial_nobody: "This was a test: nobody has been signed in, and this page is shown once.",
    trial_text: "All of it as text",
    trial_copy: "Copy",
    trial_copied: "Copied.",
};

/// The words of a refusal.
pub(super) const fn refusal(situation: Situation) -> Text {
    use Situation as S;
    match situation {
        S::SignInFailed => Text {
            title: "Sign-in did not work",
            what: "The answer from your organisation’s sign-in page could not be accepted, so you are not signed in.",
            try_this: "Start again. If it happens again, send the reference below to whoever \
                       looks after this application: it tells them what went wrong.",
            action: "Start again",
        },
        S::IdpSaidNo => Text {
            title: "You were not signed in",
            what: "Your organisation’s sign-in page answered that it did not sign you in.",
            try_this: "If you cancelled, just start again. Otherwise your account may not be set up for this \
                       application yet: ask whoever looks after it, and give them the reference below.",
            action: "Start again",
        },
        S::StartAgain => Text {
            title: "Please sign in again",
            what: "This sign-in took too long or was already used, for example by going back or reloading.",
            try_this: "Start again: it usually takes a moment only.",
            action: "Start again",
        },
        S::BegunElsewhere => Text {
            title: "Please start here",
            what: "You came by a link or a tile of your organisation’s sign-in page. For your safety a sign-in to this \
                   application has to begin here.",
            try_this: "Press the button: if your organisation still remembers you, that is all. If the link should \
                       work by itself, send the reference below to whoever looks after this application.",
            action: "Sign in",
        },
        S::NotWithoutAPage => Text {
            title: "You are not signed in yet",
            what: "This application only takes people whom your organisation’s sign-in page knows already, and it does \
                   not know you yet.",
            try_this: "Sign in at your organisation first, then come back and start again.",
            action: "Start again",
        },
        S::SignedInOtherwise => Text {
            title: "Please sign in another way",
            what: "Your organisation signed you in, but not as recently or not by the means that this application asks \
                   for, such as a second factor.",
            try_this: "Sign out at your organisation, start again, and take the stronger way if you are offered one. If \
                       it happens again, send the reference below to whoever looks after this application.",
            action: "Start again",
        },
        S::CookiesBlocked => Text {
            title: "Your browser lost track of this sign-in",
            what: "You came back from the sign-in page, but your browser did not bring back the cookie that it was \
                   given when you left.",
            try_this: "Allow cookies for this address, keep to one browser, and start again. A sign-in also has to \
                       be finished within 15 minutes.",
            action: "Start again",
        },
        S::SignInLoop => Text {
            title: "Sign-in keeps starting over",
            what: "You signed in several times in a row, but your browser never came back with the cookie that \
                   keeps you signed in. We stopped here instead of sending you round again.",
            try_this: "Allow cookies for this address and start again. If they are allowed, something between your \
                       browser and this application drops them: send the reference below to whoever looks after it.",
            action: "Start again",
        },
        S::AccountUnsuitable => Text {
            title: "Your account cannot be used here",
            what: "You were signed in by your organisation, but what it sent about your account is not what this \
                   application needs.",
            try_this: "Signing in again will not change that. Send the reference below to whoever looks after this \
                       application.",
            action: "Sign in again",
        },
        S::NotInvited => Text {
            title: "You have not been invited",
            what: "Your organisation signed you in, but this application is only for people who have been invited, and \
                   you are not on its list.",
            try_this: "Ask whoever looks after this application to invite you, and give them the reference below. If you \
                       were invited with another e-mail address or account, sign in with that one.",
            action: "Sign in again",
        },
        S::NotOpen => Text {
            title: "Sign-in is not open here",
            what: "No sign-in page is in use for this application: it is not open yet, or not any more.",
            try_this: "There is nothing you can do yourself. If you expected to get in, send the reference below to whoever \
                       looks after this application.",
            action: "",
        },
        S::SignOutFailed => Text {
            title: "This sign-out was not accepted",
            what: "Something asked this application to sign you out, and it is not certain that it was your \
                   organisation, or that it was meant now. Nothing was done.",
            try_this: "If you want to leave, sign out here yourself. If this happens again, send the reference \
                       below to whoever looks after this application.",
            action: "",
        },
        S::NotAllowed => Text {
            title: "You do not have access",
            what: "You are signed in, but your account is not allowed to open this page.",
            try_this: "If you need it, ask whoever looks after this application for access, and give them the \
                       reference below. After they have changed something, sign out and in again.",
            action: "Sign in again",
        },
        S::SignedInElsewhere => Text {
            title: "You are signed in elsewhere",
            what: "You are signed in at as many places as this application allows at the same time, so you were not signed in \
                   here.",
            try_this: "Sign out in one of your other browsers, then try again. If you cannot get at them any more, send the \
                       reference below to whoever looks after this application.",
            action: "Try again",
        },
        S::ListOutdated => Text {
            title: "This list was out of date",
            what: "You have signed in anew since it was shown, or it was not shown to you. Nobody was signed out.",
            try_this: "Open the list again, and choose once more.",
            action: "Open the list again",
        },
        S::NotSignedIn => Text {
            title: "Please sign in",
            what: "This page is only for people who are signed in.",
            try_this: "Sign in to go on.",
            action: "Sign in",
        },
        S::BadRequest => Text {
            title: "This request cannot be read",
            what: "What your browser sent is not something that this application understands.",
            try_this: "Check the address for typing errors, or start from the application’s front page.",
            action: "Go to the front page",
        },
        S::HeaderTooLarge => Text {
            title: "Your browser sends too much at once",
            what: "Along with every page your browser sends the cookies of this address, and there are too many of \
                   them by now.",
            try_this: "Delete the cookies of this address in your browser’s settings, then open the page again.",
            action: "",
        },
        S::BadLink => Text {
            title: "This link does not work",
            what: "The link that brought you here is out of date or was made for another place.",
            try_this: "Start from the application itself, and update your bookmark if you used one.",
            action: "Go to the front page",
        },
        S::CrossSite => Text {
            title: "This request came from somewhere else",
            what: "A page of another site sent this request in your name, so nothing was done.",
            try_this: "If you meant to do this, open the application itself and do it there.",
            action: "Go to the front page",
        },
        S::NoSuchSite => Text {
            title: "There is nothing at this address",
            what: "No application is served at this address.",
            try_this: "Check the address. If it worked before, send the reference below to whoever looks after it.",
            action: "",
        },
        S::Misconfigured => Text {
            title: "This application is not set up correctly",
            what: "The server in front of the application did not pass on what is needed to let you in.",
            try_this: "There is nothing you can do yourself. Send the reference below to whoever looks after this \
                       application.",
            action: "",
        },
        S::Busy => Text {
            title: "Very busy just now",
            what: "More people are signing in than can be served at this moment.",
            try_this: "Wait a few seconds, then start again.",
            action: "Start again",
        },
        S::TooMany => Text {
            title: "Too many sign-ins from here",
            what: "More people, or programs, are signing in from your network than can be right.",
            try_this: "Wait a moment, then go back to the application. If it lasts, send the reference below to whoever \
                       looks after this application.",
            action: "",
        },
        S::Unavailable => Text {
            title: "Sign-in is not available just now",
            what: "The place where sign-ins are kept cannot be reached, so nobody can be let in safely.",
            try_this: "Wait a minute, then try again. If it lasts, send the reference below to whoever looks after \
                       this application.",
            action: "Try again",
        },
        S::IdpUnavailable => Text {
            title: "Sign-in is not available just now",
            what: "Your organisation’s sign-in service cannot be used at this moment. Whoever is signed in already \
                   stays signed in.",
            try_this: "Wait a minute, then try again. If it lasts, send the reference below to whoever looks after \
                       this application.",
            action: "Try again",
        },
        S::ApplicationDown => Text {
            title: "The application is not reachable",
            what: "You are in the right place, but the application behind this page does not answer.",
            try_this: "Reload this page in a minute. If it lasts, send the reference below to whoever looks after \
                       the application.",
            action: "Try again",
        },
        S::ApplicationSlow => Text {
            title: "The application is taking too long",
            what: "The application got your request but did not answer in time. It may still be working on it.",
            try_this: "Look whether it was done before you send it again. If it lasts, send the reference below to \
                       whoever looks after the application.",
            action: "Try again",
        },
        S::Internal => Text {
            title: "Something broke on our side",
            what: "Your request could not be handled, and nothing was passed on.",
            try_this: "Try again in a minute. If it lasts, send the reference below to whoever looks after this \
                       application.",
            action: "Try again",
        },
    }
}
