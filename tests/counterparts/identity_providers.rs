//! The gate with identity providers that none of us wrote: the scenes of `scenarios.rs`, played with each of them.
//!
//! | | signed requests verified | encrypts by | announces its next key | single logout |
//! |---|---|---|---|---|
//! | SimpleSAMLphp 1.19 (Debian) | yes | AES-128-CBC | in its metadata | both ways, redirect |
//! | LemonLDAP::NG 2.16 (Debian) | yes | AES-128-CBC | by hand | both ways |
//! | Keycloak 26 (Maven Central) | yes | AES-GCM or CBC | in its metadata | both ways |
//! | pysaml2 7.5 (PyPI) | yes | AES-256-CBC | in its metadata | both ways, redirect |
//! | samlp 8 (npm) | yes | AES-256-GCM | by hand | both ways, redirect |

use crate::idps::{Counterpart, Keycloak, LemonLdap, Pysaml2, Samlp, SimpleSamlPhp};
use crate::support::window::Make;
use crate::{browser_scenes, scenarios};

/// For those that take requests by POST.
const BY_POST: &str = ", sso_binding: post";

/// One test a scene: `start` makes the identity provider anew for each.
macro_rules! scenes {
    ($name:ident, $start:expr, $($(#[$attribute:meta])* $scene:ident,)+) => {
        mod $name {
            use super::*;
            $(
                $(#[$attribute])*
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scene() {
                    let mut idp = $start;
                    scenarios::$scene(&mut idp).await;
                }
            )+
        }
    };
}

/// The same list for each of those that start quickly.
macro_rules! all_scenes {
    ($name:ident, $start:expr) => {
        scenes! {
            $name, $start,
            signs_in,
            refuses_what_we_did_not_sign,
            changes_its_key,
            follows_its_key,
            encrypts,
            signs_out_from_our_side,
            signs_out_from_its_side,
        }
    };
}

all_scenes!(simplesamlphp, SimpleSamlPhp::start("localhost"));
all_scenes!(lemonldap, LemonLdap::start("localhost"));
all_scenes!(pysaml2, Pysaml2::start("localhost"));
all_scenes!(samlp, Samlp::start("localhost"));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keycloak() {
    let mut keycloak = Keycloak::start("localhost").await;
    let idp: &mut dyn Counterpart = &mut keycloak;
    scenarios::signs_in(idp).await;
    scenarios::refuses_what_we_did_not_sign(idp).await;
    browser_scenes::signs_a_browser_in(idp, Make::Chromium, BY_POST).await;
    scenarios::encrypts(idp).await;
    scenarios::signs_out_from_our_side(idp).await;
    scenarios::signs_out_from_its_side(idp).await;
    scenarios::follows_its_key(idp).await;
    let page = keycloak.sign_out_page();
    browser_scenes::signs_a_browser_out(&mut keycloak, Make::Chromium, page).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simplesamlphp_encrypts_the_name() {
    scenarios::encrypts_the_name(&mut SimpleSamlPhp::start("localhost")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pysaml2_signs_firefox_in() {
    browser_scenes::signs_a_browser_in(&mut Pysaml2::start("localhost"), Make::Firefox, BY_POST).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samlp_signs_webkit_in() {
    browser_scenes::signs_a_browser_in(&mut Samlp::start("localhost"), Make::WebKit, BY_POST).await;
}
