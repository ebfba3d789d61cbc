//! Chromium alone, for tests that are not about browsers.

use super::window::{Make, Window};
use std::path::Path;

pub struct Chromium;

impl Chromium {
    /// `hosts`: made-up names that lead to loopback, so that the gate and the IdP are different sites and not only
    /// different ports.
    pub async fn start(folder: &Path, hosts: &[&str]) -> Window {
        Make::Chromium.open(folder, hosts).await
    }
}
