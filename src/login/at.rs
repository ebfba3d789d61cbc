//! Under which of its addresses the assertion consumer service is called.

use crate::site::Site;

/// An address of the assertion consumer service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At<'a> {
    /// The one under the prefix.
    Own,
    /// The same with an identity provider's id behind it: answers of others are refused there.
    OfIdp(&'a str),
    /// The path of what stood here before (`acs_aliases`).
    Alias(&'a str),
}

impl<'a> At<'a> {
    /// The whole address, which Destination and Recipient must name (Profiles 4.1.4.3).
    pub(super) fn url(self, site: &Site) -> String {
        let (origin, prefix) = (site.public_url.origin(), &site.path_prefix);
        match self {
            Self::Own => format!("{origin}{prefix}/saml/acs"),
            Self::OfIdp(idp) => format!("{origin}{prefix}/saml/acs/{idp}"),
            Self::Alias(path) => format!("{origin}{path}"),
        }
    }

    /// The only identity provider whose answers are taken there.
    pub(super) const fn idp(self) -> Option<&'a str> {
        match self {
            Self::OfIdp(idp) => Some(idp),
            Self::Own | Self::Alias(_) => None,
        }
    }
}
