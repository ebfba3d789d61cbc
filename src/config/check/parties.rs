//! The two sides of SAML: identity providers, and ourselves.

use super::demand::demand;
use super::files::{SMALL_LIMIT, read, read_secret};
use super::logout::logout;
use super::metadata::{Description, description};
use super::{Desk, cryptography, looks};
use crate::config::file::{File, IdentityProvider as IdpFile, ServiceProvider as SpFile};
use crate::config::reader::Field;
use crate::config::values::{Block, FilePath, OneOrMany, Word};
use crate::identity::Domain;
use crate::saml::parties::{
    Binding, EntityId, IdentityProvider, RequireSigned, ServiceProvider, SigningCertificate, SigningKey,
    TrustedKeys,
};
use crate::site::{Idp, Live, Status};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// SAML Core 8.3.6: an entity identifier has at most 1024 characters.
const LONGEST_ENTITY_ID: usize = 1024;
/// A certificate that ends sooner is worth a word at each start.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// An identity provider of the file, which sites admit.
pub(super) struct Described<'f> {
    /// As it is written.
    pub(super) written: &'f IdpFile,
    /// None: wrong, which has been said.
    pub(super) idp: Option<Arc<Idp>>,
}

impl Described<'_> {
    /// As its metadata says, or, while that is not known, as the owner says.
    pub(super) fn entity_id(&self) -> Option<String> {
        let known = self.idp.as_ref()?.known().map(|saml| saml.entity_id.0.clone());
        known.or_else(|| self.written.entity_id.get().cloned())
    }
}

/// The identity providers that are described, whoever admits them.
pub(super) fn identity_providers<'f>(file: &'f File, desk: &mut Desk) -> Option<Vec<Described<'f>>> {
    let hint = "a list; of each at least id, and metadata_url or metadata_file";
    let listed = file.identity_providers.required_as(hint, &mut desk.report)?;
    if listed.is_empty() {
        desk.error(file.identity_providers.problem("is empty: nobody could sign in"));
        return None;
    }
    same_twice(listed, desk);
    let described = |written| Described { written, idp: identity_provider(written, desk) };
    Some(listed.iter().map(described).collect())
}

fn same_twice(listed: &[IdpFile], desk: &mut Desk) {
    for (position, written) in listed.iter().enumerate() {
        let Some(id) = written.id.get() else { continue };
        let same = |other: &IdpFile| other.id.get().is_some_and(|other| other.eq_ignore_ascii_case(id));
        if let Some(earlier) = listed[..position].iter().position(same) {
            let at = listed[earlier].id.place.in_words_beside(&written.id.place);
            desk.error(written.id.problem(format!("`{id}` is taken already: {at}")));
        }
    }
}

fn identity_provider(written: &IdpFile, desk: &mut Desk) -> Option<Arc<Idp>> {
    let id = written.id.required(&mut desk.report).filter(|id| {
        let good = id.len() <= 64
            && id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !good {
            let message = "may have letters, digits, `-`, `_` and `.`, at most 64: it stands in addresses";
            desk.error(written.id.problem(message));
        }
        good
    });
    let email_domains = email_domains(written, desk);
    let logout = logout(written, desk);
    let (demand, allow_unsolicited) = demand(written, desk);
    let Description { known, watched } = description(written, desk)?;
    let certificates = known.as_ref().map_or(&[][..], |known| known.identity_provider.keys.certificates());
    for certificate in certificates {
        // What has ended already, the reader of metadata has said.
        let said = certificate.not_after < desk.now && written.sso_url.is_absent();
        if certificate.not_after < desk.now.plus(SOON) && !said {
            let message =
                format!("its certificate {} ends on {}", certificate.subject, certificate.not_after);
            desk.warn(written.place.problem(message));
        }
    }
    if let Some(known) = &known {
        cryptography::has_a_key(written, &known.identity_provider, watched.is_some(), desk);
    }
    let id = id?.clone();
    let metadata = known.map_or_else(Live::unknown, Live::from);
    let label = written.label.or(id.clone());
    let logo = looks::picture(&written.logo_file, desk);
    let idp = Arc::new(Idp {
        id,
        label,
        logo,
        status: written.status.or(Word(Status::default())).0,
        metadata,
        email_domains: email_domains?,
        demand,
        allow_unsolicited,
        logout: logout?,
    });
    desk.watches.extend(watched.map(|watched| watched.watch(&idp)));
    Some(idp)
}

/// With several identity providers each says whom it may speak for; otherwise one could sign in as another's people.
pub(super) fn says_for_whom(written: &IdpFile, desk: &mut Desk) {
    if written.email_domains.is_absent() && !written.speaks_for_any.or(false) && !written.faulty {
        let message = "is missing: of several identity providers each must say for which domains it speaks";
        let hint = "list them, or write speaks_for_any: true if it may speak for anybody";
        desk.error(written.email_domains.problem(message).hint(hint));
    }
}

fn email_domains(written: &IdpFile, desk: &mut Desk) -> Option<Option<Vec<Domain>>> {
    let any = written.speaks_for_any.or(false);
    if any && written.email_domains.is_written() {
        let message = "email_domains and speaks_for_any: true contradict each other: one of the two must go";
        desk.error(written.speaks_for_any.problem(message));
        return None;
    }
    domains(&written.email_domains, desk)
}

/// A list of domains; none inside: there is no list.
pub(super) fn domains(field: &Field<Vec<Field<String>>>, desk: &mut Desk) -> Option<Option<Vec<Domain>>> {
    let Some(listed) = field.get() else { return Some(None) };
    if listed.is_empty() {
        desk.error(field.problem("is empty: nobody with an e-mail address could sign in"));
        return None;
    }
    let read: Vec<Option<Domain>> = listed
        .iter()
        .map(|item| Domain::parse(item.get()?).map_err(|message| desk.error(item.problem(message))).ok())
        .collect();
    for (item, domain) in listed.iter().zip(&read) {
        let Some(domain) = domain.as_ref().filter(|domain| domain.is_common()) else { continue };
        let name = domain.name();
        let message = match domain.is_below() {
            true => format!("is every domain below {name}, whoever's it is"),
            false => format!("is the addresses that end in @{name}, and no domain below it"),
        };
        desk.warn(item.problem(message).hint(format!("write the domain itself, such as example.{name}")));
    }
    read.into_iter().collect::<Option<Vec<_>>>().map(Some)
}

pub(super) fn inline(written: &IdpFile, desk: &mut Desk) -> Option<IdentityProvider> {
    let entity_id =
        written.entity_id.required(&mut desk.report).filter(|id| entity_id(id, &written.entity_id, desk));
    let sso_url =
        written.sso_url.required(&mut desk.report).filter(|text| sso_url(text, &written.sso_url, desk));
    let binding = written.sso_binding.or(Word(Binding::Redirect)).0;
    if written.certificates.is_absent() && written.certificate_files.is_absent() {
        let message = "is missing: without a certificate no answer could be verified";
        desk.error(written.certificates.problem(message).hint("write certificates or certificate_files"));
    }
    let keys = trusted_keys(written, desk);
    let cryptography = cryptography::policy(written, desk);
    Some(IdentityProvider {
        entity_id: EntityId(entity_id?.clone()),
        single_sign_on: vec![(binding, sso_url?.clone())],
        keys: keys?,
        require_signed: required_signatures(written),
        cryptography: cryptography?,
        want_authn_requests_signed: false,
        single_logout: Vec::new(),
        scopes: Vec::new(),
    })
}

pub(super) fn required_signatures(written: &IdpFile) -> RequireSigned {
    written.require_signed.or(Word(RequireSigned::default())).0
}

fn entity_id(id: &str, field: &Field<String>, desk: &mut Desk) -> bool {
    let good = id.chars().count() <= LONGEST_ENTITY_ID && !id.chars().any(char::is_whitespace);
    if !good {
        let message = format!("is no entity ID: at most {LONGEST_ENTITY_ID} characters and no spaces");
        desk.error(field.problem(message));
    }
    good
}

fn sso_url(text: &str, field: &Field<String>, desk: &mut Desk) -> bool {
    let url =
        url::Url::parse(text).ok().filter(|url| url.has_host() && matches!(url.scheme(), "https" | "http"));
    match &url {
        None => desk.error(field.problem("is not an absolute https:// address")),
        Some(url) if url.fragment().is_some() => {
            desk.error(field.problem("a fragment (`#`) does not belong here"))
        }
        Some(url) if url.scheme() == "http" => {
            desk.warn(field.problem("is http: people would type their passwords in the clear"));
        }
        Some(_) => {}
    }
    url.is_some_and(|url| url.fragment().is_none())
}

fn trusted_keys(written: &IdpFile, desk: &mut Desk) -> Option<TrustedKeys> {
    let mut certificates = Vec::new();
    let mut complete = true;
    for item in written.certificates.get().map_or(&[][..], Vec::as_slice) {
        let Some(Block(text)) = item.get() else {
            complete = false;
            continue;
        };
        match pem_or_base64(text) {
            Some(mut found) => certificates.append(&mut found),
            None => {
                let message =
                    "is no certificate: write it as PEM, or the base64 of its DER as metadata has it";
                desk.error(item.problem(message));
                complete = false;
            }
        }
    }
    for item in written.certificate_files.get().map_or(&[][..], Vec::as_slice) {
        let bytes = read(item, SMALL_LIMIT, desk);
        match bytes.as_deref().map(|bytes| (bytes, std::str::from_utf8(bytes).ok().and_then(pem_or_base64))) {
            Some((_, Some(mut found))) => certificates.append(&mut found),
            // Windows exports DER under the same name.
            Some((bytes, None)) if bytes.first() == Some(&0x30) => certificates.push(bytes.to_vec()),
            Some((_, None)) => {
                desk.error(item.problem("has no certificate, neither PEM nor DER"));
                complete = false;
            }
            None => complete = false,
        }
    }
    let broken =
        [written.certificates.get().is_none(), written.certificate_files.get().is_none()] == [true; 2];
    if !complete || broken {
        return None;
    }
    let place = if written.certificates.is_written() {
        &written.certificates.place
    } else {
        &written.certificate_files.place
    };
    if certificates.is_empty() {
        desk.error(place.problem("is empty: without a certificate no answer could be verified"));
        return None;
    }
    match TrustedKeys::from_certificates(&certificates) {
        Ok((keys, warnings)) => {
            warnings.into_iter().for_each(|warning| desk.warn(place.problem(warning)));
            Some(keys)
        }
        Err(message) => {
            desk.error(place.problem(message));
            None
        }
    }
}

/// The DER certificates in PEM, or in bare base64, with whatever line breaks came with it.
pub(super) fn pem_or_base64(text: &str) -> Option<Vec<Vec<u8>>> {
    let found: Vec<Vec<u8>> = if text.contains("-----BEGIN") {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        read.ok()?.into_iter().map(|der| der.as_ref().to_vec()).collect()
    } else {
        let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        vec![STANDARD.decode(dense).ok().filter(|der| der.first() == Some(&0x30))?]
    };
    (!found.is_empty()).then_some(found)
}

/// Ourselves, as the identity providers know us. `base` is the public address with the path prefix; `acs_urls` are all
/// addresses that take answers, of which the first is asked with.
pub(super) fn service_provider(
    written: &SpFile,
    base: &str,
    acs_urls: Vec<String>,
    desk: &mut Desk,
) -> Option<ServiceProvider> {
    let own = written.entity_id.or(format!("{base}/saml/metadata"));
    let good = entity_id(&own, &written.entity_id, desk);
    let signing_keys = signing_keys(written, desk);
    let mut acs_urls = acs_urls.into_iter();
    let acs_url = acs_urls.next()?;
    let slo_url = format!("{base}/saml/slo");
    good.then_some(ServiceProvider {
        entity_id: EntityId(own),
        acs_url,
        further_acs_urls: acs_urls.collect(),
        slo_url,
        signing_keys: signing_keys?,
    })
}

/// The files whose certificates go to the identity provider, in the order of the keys.
pub(super) fn certificate_files(written: &SpFile) -> Vec<PathBuf> {
    let listed = written.certificate_file.get().map_or(&[][..], |OneOrMany(listed)| listed);
    listed.iter().filter_map(|field| field.get().map(|FilePath(path)| path.clone())).collect()
}

fn signing_keys(written: &SpFile, desk: &mut Desk) -> Option<Vec<SigningKey>> {
    let (keys, certificates) = (&written.private_key_file, &written.certificate_file);
    if keys.is_absent() && certificates.is_absent() {
        return (!written.faulty).then(Vec::new);
    }
    keys.required(&mut desk.report);
    certificates.required(&mut desk.report);
    let (OneOrMany(keys), OneOrMany(certificates)) = (keys.get()?, certificates.get()?);
    if keys.len() != certificates.len() {
        let (keys, certificates) = (keys.len(), certificates.len());
        let message =
            format!("lists {certificates} for {keys} in private_key_file: each key needs its own, in order");
        desk.error(written.certificate_file.problem(message));
        return None;
    }
    let pairs: Vec<Option<SigningKey>> =
        keys.iter().zip(certificates).map(|(key, certificate)| signing_key(key, certificate, desk)).collect();
    pairs.into_iter().collect()
}

fn signing_key(key: &Field<FilePath>, certificate: &Field<FilePath>, desk: &mut Desk) -> Option<SigningKey> {
    let private_key = read_secret(key, desk);
    let pem = read(certificate, SMALL_LIMIT, desk);
    let signing_key = SigningKey::from_pem(&private_key?, &pem?)
        .map_err(|message| desk.error(key.problem(message)))
        .ok()?;
    // Some identity providers refuse our requests from that day on.
    let SigningCertificate { subject, not_after, .. } = signing_key.certificate();
    if *not_after < desk.now.plus(SOON) {
        let word = if *not_after <= desk.now { "ended" } else { "ends" };
        let message = format!("our certificate {subject} {word} on {not_after}");
        desk.warn(
            certificate
                .problem(message)
                .hint("docs/key-rollover.md tells how to change it without an outage"),
        );
    }
    Some(signing_key)
}
