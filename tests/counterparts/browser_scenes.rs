//! The scenes that are played in a real browser, with an identity provider that none of us wrote.

use crate::idps::Counterpart;
use crate::scenarios::{Scene, TARGET, Wishes};
use crate::support::window::{Make, Window};

/// Somebody signs in, by a signed redirect or, with `sso_binding: post` among the settings, by a signed request that a page
/// of ours posts.
pub(crate) async fn signs_a_browser_in(idp: &mut dyn Counterpart, make: Make, settings: &'static str) {
    let scene = Scene::set(idp, Wishes { settings, ..Wishes::default() }).await;
    let browser = make.open(scene.folder.path(), &[]).await;
    sign_in(&scene, &browser).await;
    browser.screenshot(&format!("{make:?}-{}-signed-in", scene.idp.name()).to_lowercase()).await;
    browser.close().await;
}

/// Where somebody signs out at the identity provider.
pub(crate) struct SignOutPage {
    pub(crate) url: String,
    /// The selector of the button that says so.
    pub(crate) button: &'static str,
    /// What the page says that comes last.
    pub(crate) told: &'static str,
}

/// Somebody signs out, here and, the second time, there; each time both sides forget.
pub(crate) async fn signs_a_browser_out(idp: &mut dyn Counterpart, make: Make, there: SignOutPage) {
    let scene = Scene::set(idp, Wishes::default()).await;
    let browser = make.open(scene.folder.path(), &[]).await;
    sign_in(&scene, &browser).await;
    browser.open(&format!("{}/vestibule/sign-out", scene.public)).await;
    browser.click("button").await;
    browser.sees("has ended your sign-in there too").await;
    assert!(browser.address().await.starts_with(&scene.public));
    browser.screenshot(&format!("{make:?}-{}-signed-out", scene.idp.name()).to_lowercase()).await;

    sign_in(&scene, &browser).await;
    browser.open(&there.url).await;
    browser.click(there.button).await;
    browser.sees(there.told).await;
    browser.open(&format!("{}/vestibule/whoami", scene.public)).await;
    browser.sees("session-missing").await;
    browser.close().await;
}

/// From a page of the application, over the identity provider's sign-in page, which must ask, to that page.
async fn sign_in(scene: &Scene<'_>, browser: &Window) {
    let person = scene.idp.person();
    let [user, password, button] = scene.idp.form();
    browser.open(&format!("{}{TARGET}", scene.public)).await;
    browser.type_into(user, person.login).await;
    browser.type_into(password, person.password).await;
    browser.click(button).await;
    browser.sees(&format!("x-forwarded-email: {}", person.email)).await;
    assert_eq!(browser.address().await, format!("{}{TARGET}", scene.public));
}
