//! Where one entity's metadata is, at a server that is asked for entities by name (Metadata Query Protocol, and its
//! SAML profile).

use crate::saml::algorithms::sha1_name;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986 2.3: everything but the unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How an entity is named in the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryForm {
    /// By its entity ID, percent-encoded.
    #[default]
    EntityId,
    /// By `{sha1}` and the SHA-1 of its entity ID (SAML profile 3.1), for servers that are files in a folder. A
    /// name and no proof: what comes back is asked for its entity ID.
    Sha1,
}

/// `{base}/entities/{name}`. Give [`super::describe`] the same entity ID, so that no other one's answer is taken.
pub fn mdq_url(base: &str, entity_id: &str, form: QueryForm) -> String {
    let name = match form {
        QueryForm::EntityId => entity_id.to_owned(),
        QueryForm::Sha1 => format!("{{sha1}}{}", sha1_name(entity_id)),
    };
    format!("{}/entities/{}", base.trim_end_matches('/'), utf8_percent_encode(&name, RESERVED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_asked_for_as_the_protocol_says() {
        let url = |form| mdq_url("https://mdq.example.org/global/", "http://example.org/service", form);
        assert_eq!(
            url(QueryForm::EntityId),
            "https://mdq.example.org/global/entities/http%3A%2F%2Fexample.org%2Fservice"
        );
        // As `printf http://example.org/service | sha1sum` says.
        assert_eq!(
            url(QueryForm::Sha1),
            "https://mdq.example.org/global/entities/%7Bsha1%7D11d72e8cf351eb6c75c721e838f469677ab41bdb"
        );
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        assert_eq!(
            mdq_url("https://mdq.example.org", "../a?b=c#d e\u{e9}/..", QueryForm::EntityId),
            "https://mdq.example.org/entities/..%2Fa%3Fb%3Dc%23d%20e%C3%A9%2F.."
        );
    }
}
