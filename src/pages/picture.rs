//! Pictures that owners bring: a logo of the site, or of an identity provider.
//!
//! They are shown by `<img>` and never stand in a page themselves, and who opens one by its address gets it in a sandbox: an
//! SVG is a document that can hold scripts, and must not hold them on our origin.

use aws_lc_rs::digest;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use std::fmt;

/// What a logo may have at most.
pub const MAX_BYTES: usize = 128 << 10;

/// A picture of a known kind.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    bytes: Bytes,
    content_type: &'static str,
    tag: String,
}

impl Picture {
    /// Known by how it begins, whatever its file is called.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the file's name.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            let (has, may) = (bytes.len() >> 10, MAX_BYTES >> 10);
            return Err(format!("has {has} KiB, and a logo may have {may}"));
        }
        let content_type = kind_of(&bytes).ok_or("is no picture: SVG, PNG, JPEG, WebP or GIF will do")?;
        let digest = digest::digest(&digest::SHA256, &bytes);
        let tag = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes: bytes.into(), content_type, tag })
    }

    /// Another one for other bytes; in addresses, so that browsers may keep what they have.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The picture as an answer.
    pub fn answer(&self) -> Response<Bytes> {
        const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
        let mut response = Response::new(self.bytes.clone());
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "public, max-age=86400"),
            // What an SVG draws with; it runs nothing and reaches nobody.
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (RESOURCE_POLICY, "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, {} bytes, {})", self.content_type, self.bytes.len(), self.tag)
    }
}

fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("image/gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        is_svg(bytes).then_some("image/svg+xml")
    }
}

/// Text whose first element is `svg`: before it a declaration, a document type and comments may stand.
fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while let Some(inside) = rest.strip_prefix("<!").or_else(|| rest.strip_prefix("<?")) {
        let end = if inside.starts_with("--") { "-->" } else { ">" };
        let Some((_, after)) = inside.split_once(end) else { return false };
        rest = after.trim_start();
    }
    rest.strip_prefix("<svg").is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n', '>', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Option<&'static str> {
        Picture::read(bytes.to_vec()).ok().map(|picture| picture.content_type)
    }

    #[test]
    fn a_picture_is_known_by_its_bytes() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(kind(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(kind(b"GIF89a"), Some("image/gif"));
        for svg in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- <svg> -->\n<!DOCTYPE svg>\n<svg\n/>",
        ] {
            assert_eq!(kind(svg.as_bytes()), Some("image/svg+xml"), "{svg}");
        }
    }

    #[test]
    fn what_is_none_is_not_served_as_one() {
        for other in ["", "<html><svg/></html>", "<svgx/>", "<!-- <svg/>", "svg", "<script>alert(1)</script>"]
        {
            assert_eq!(kind(other.as_bytes()), None, "{other}");
        }
        let large = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; MAX_BYTES]].concat();
        assert!(Picture::read(large).unwrap_err().contains("128"));
    }

    #[test]
    fn a_script_in_a_picture_runs_nowhere() {
        let answer = Picture::read(b"<svg><script>alert(1)</script></svg>".to_vec()).unwrap().answer();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.ends_with("; sandbox"), "{policy}");
        assert!(!policy.contains("script-src"));
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }

    #[test]
    fn another_picture_has_another_address() {
        let tag = |bytes: &[u8]| Picture::read(bytes.to_vec()).unwrap().tag().to_owned();
        assert_eq!(tag(b"<svg/>").len(), 12);
        assert_ne!(tag(b"<svg/>"), tag(b"<svg />"));
    }
}
