//! Where the browser goes after a sign-in: a path on the site itself, or nowhere (SKELETON).

use crate::reason::Refusal;
use crate::site::PublicUrl;

/// A path with query on the site's own origin: starts with one `/`, no `//`, no backslash, no control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);
impl ReturnTo {
    /// From `rd`: an absolute URL of the site's origin, or a path.
    pub fn parse(_text: &str, _site: &PublicUrl) -> Result<Self, Refusal> {
        todo!()
    }
    pub fn root() -> Self {
        Self("/".into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
