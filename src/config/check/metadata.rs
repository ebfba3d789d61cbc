//! How an identity provider is described: by metadata from somewhere, or in parts; and what keeps it up to date.

use super::files::{METADATA_LIMIT, SMALL_LIMIT, read};
use super::parties::{inline, pem_or_base64, required_signatures};
use super::{Desk, cryptography};
use crate::config::file::IdentityProvider as IdpFile;
use crate::config::reader::Field;
use crate::config::report::Problem;
use crate::config::values::{Block, FilePath, OneOrMany, OrOff, Word};
use crate::federation::{
    Changes, FileSource, HttpSource, Kind, Origin, Pace, Source as _, Standing, Terms, Watch, may_be_asked,
};
use crate::saml::metadata::change::KeyChanges;
use crate::saml::metadata::{Described, QueryForm, mdq_url};
use crate::saml::parties::TrustedKeys;
use crate::site::{Idp, Known};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is known of an identity provider at the start.
pub(super) struct Description {
    /// None: the address will say.
    pub(super) known: Option<Known>,
    /// None: it is written in the configuration.
    pub(super) watched: Option<Watched>,
}

/// What keeps it up to date.
pub(super) struct Watched {
    origin: Origin,
    terms: Terms,
    pace: Pace,
    changes: Changes,
    standing: Standing,
}

impl Watched {
    /// The site is filled in when it is known.
    pub(super) fn watch(self, idp: &Arc<Idp>) -> Watch {
        Watch {
            site: String::new(),
            idp: Arc::clone(idp),
            source: Arc::new(self.origin),
            terms: self.terms,
            pace: self.pace,
            changes: self.changes,
            folder: None,
            standing: self.standing,
        }
    }
}

/// The one way that was chosen: an address, a query, a file, the document itself, or its parts.
pub(super) fn description(written: &IdpFile, desk: &mut Desk) -> Option<Description> {
    let ways = [
        ("metadata_url", written.metadata_url.is_written()),
        ("metadata_query", written.metadata_query.is_written()),
        ("metadata_file", written.metadata_file.is_written()),
        ("metadata_xml", written.metadata_xml.is_written()),
        ("sso_url", written.sso_url.is_written()),
        ("certificates", written.certificates.is_written()),
        ("certificate_files", written.certificate_files.is_written()),
    ];
    let used: Vec<&str> = ways.iter().filter(|(_, written)| *written).map(|(name, _)| *name).collect();
    refuse_idle_keys(written, &used, desk);
    match used.as_slice() {
        ["metadata_url"] => {
            let url = written.metadata_url.get();
            address(written, &written.metadata_url, url.cloned(), desk)
        }
        ["metadata_query"] => {
            let entity_id = written
                .entity_id
                .required_as("metadata_query asks for one identity provider by its name", &mut desk.report);
            let url = written.metadata_query.get().zip(entity_id);
            let url = url.map(|(base, entity_id)| mdq_url(base, entity_id, QueryForm::EntityId));
            address(written, &written.metadata_query, url, desk)
        }
        ["metadata_file"] => file(written, desk),
        ["metadata_xml"] => {
            let terms = terms(written, desk);
            let Block(xml) = written.metadata_xml.get()?;
            let described = described(written, &written.metadata_xml, xml.as_bytes(), &terms?, desk)?;
            Some(Description { known: Some(known(&described)), watched: None })
        }
        [] => {
            // Its place was taken by a slip of the finger.
            if !written.faulty {
                let message = "is not described: its entity ID, address and certificates are unknown";
                let hint =
                    "write metadata_url, metadata_file, metadata_xml, or entity_id, sso_url and certificates";
                desk.error(written.place.problem(message).hint(hint));
            }
            None
        }
        [first, rest @ ..] if first.starts_with("metadata_") => {
            let message = format!("is described twice, by {first} and by {}: keep one", rest.join(", "));
            let keys_too = rest.iter().any(|key| key.starts_with("certificate"));
            let problem = written.place.problem(message);
            desk.error(if keys_too {
                problem.hint(
                    "its signing keys are in the metadata, and no others are trusted beside them; to demand who signed \
                     the metadata itself write metadata_certificate_file, to be asked before keys change key_changes: hold",
                )
            } else {
                problem
            });
            None
        }
        _ => {
            let known = inline(written, desk).map(Known::from)?;
            Some(Description { known: Some(known), watched: None })
        }
    }
}

/// Keys that ask for something that will not happen, since nothing is fetched or nothing is read anew.
fn refuse_idle_keys(written: &IdpFile, used: &[&str], desk: &mut Desk) {
    let fetched = matches!(used, ["metadata_url" | "metadata_query", ..]);
    let read_anew = fetched || matches!(used, ["metadata_file", ..]);
    let read = read_anew || matches!(used, ["metadata_xml", ..]);
    let idle = [
        (!fetched && written.metadata_ca_file.is_written(), written.metadata_ca_file.problem(FOR_ADDRESSES)),
        (!fetched && written.metadata_refresh.is_written(), written.metadata_refresh.problem(FOR_ADDRESSES)),
        (!read_anew && written.key_changes.is_written(), written.key_changes.problem(FOR_CHANGES)),
        (!read_anew && written.apply_held_after.is_written(), written.apply_held_after.problem(FOR_CHANGES)),
        (
            !read && written.metadata_certificate_file.is_written(),
            written.metadata_certificate_file.problem("is for metadata, and there is none here"),
        ),
        (
            !read && written.metadata_valid_at_most.is_written(),
            written.metadata_valid_at_most.problem("is for metadata, and there is none here"),
        ),
    ];
    if !used.is_empty() {
        idle.into_iter().filter(|(idle, _)| *idle).for_each(|(_, problem)| desk.error(problem));
    }
}

const FOR_ADDRESSES: &str = "is for metadata_url and metadata_query: nothing is fetched here";
const FOR_CHANGES: &str = "is for metadata that is read again: metadata_url, metadata_query or metadata_file";

/// Metadata that an address serves. Nothing is asked now: an identity provider that is down keeps no gate from starting.
fn address(
    written: &IdpFile,
    field: &Field<String>,
    url: Option<String>,
    desk: &mut Desk,
) -> Option<Description> {
    let terms = terms(written, desk);
    let changes = changes(written, desk);
    let pace = written
        .metadata_refresh
        .get()
        .map(|_| desk.duration(&written.metadata_refresh, DAY, MINUTE, 7 * DAY));
    let authorities = authorities(&written.metadata_ca_file, desk);
    // A query's own part is judged before the entity ID is put behind it.
    let base = field.get()?;
    if let Err(message) = may_be_asked(base) {
        desk.error(field.problem(message));
        return None;
    }
    if written.metadata_query.is_written() && base.contains(['?', '#']) {
        desk.error(field.problem("must end before /entities/…: no `?` and no `#`"));
        return None;
    }
    let source = HttpSource::new(&url?, authorities?, desk.outbound.clone());
    let source = source.map_err(|message| desk.error(field.problem(message))).ok()?;
    let watched = Watched {
        origin: Origin::Url(source),
        terms: terms?,
        pace: Pace::Polite { at_most: pace },
        changes,
        standing: Standing::default(),
    };
    Some(Description { known: None, watched: Some(watched) })
}

fn file(written: &IdpFile, desk: &mut Desk) -> Option<Description> {
    let terms = terms(written, desk);
    let changes = changes(written, desk);
    let FilePath(path) = written.metadata_file.get()?;
    let terms = terms?;
    let source = FileSource::new(path.clone());
    let now = desk.now;
    let read = desk.attempt(|desk| {
        let xml = read(&written.metadata_file, METADATA_LIMIT, desk)?;
        described(written, &written.metadata_file, &xml, &terms, desk)
    });
    let (known, standing) = match read {
        Ok(described) => (Some(known(&described)), Standing::running(described, now)),
        Err(problems) if has_copy(written, &source, &terms, desk) => {
            for problem in problems {
                let message = format!("{}; the copy in state_dir is used", problem.message);
                desk.warn(Problem { message, ..problem });
            }
            (None, Standing::default())
        }
        Err(problems) => {
            problems.into_iter().for_each(|problem| desk.error(problem));
            return None;
        }
    };
    let origin = Origin::File(source);
    let watched = Watched { origin, terms, pace: Pace::Watching, changes, standing };
    Some(Description { known, watched: Some(watched) })
}

/// Whether an earlier start has kept what this file said, so that one that broke since keeps no gate from starting.
fn has_copy(written: &IdpFile, source: &FileSource, terms: &Terms, desk: &Desk) -> bool {
    let kept = desk.folder.as_ref().zip(written.id.get());
    let copy = kept.and_then(|(folder, id)| folder.load(id, Kind::Good).ok().flatten());
    copy.is_some_and(|copy| copy.source == source.name() && terms.describe(&copy.document, copy.at).is_ok())
}

fn known(described: &Described) -> Known {
    Known {
        identity_provider: Arc::new(described.identity_provider.clone()),
        valid_until: described.valid_until,
    }
}

fn described<T>(
    written: &IdpFile,
    source: &Field<T>,
    xml: &[u8],
    terms: &Terms,
    desk: &mut Desk,
) -> Option<Described> {
    let mut described =
        terms.read(xml, desk.now).map_err(|problem| desk.error(source.problem(problem.sentence))).ok()?;
    for warning in &described.warnings {
        desk.warn(source.problem(warning.clone()));
    }
    match terms.lay_over(&mut described) {
        Ok(()) => Some(described),
        Err(problem) => {
            desk.error(written.sso_binding.problem(problem.sentence));
            None
        }
    }
}

fn terms(written: &IdpFile, desk: &mut Desk) -> Option<Terms> {
    Some(Terms {
        entity_id: written.entity_id.get().cloned(),
        pinned: pinned(&written.metadata_certificate_file, desk)?,
        valid_at_most: written
            .metadata_valid_at_most
            .get()
            .map(|_| desk.duration(&written.metadata_valid_at_most, 14 * DAY, HOUR, 366 * DAY)),
        sso_binding: written.sso_binding.get().map(|Word(binding)| *binding),
        require_signed: required_signatures(written),
        cryptography: cryptography::policy(written, desk)?,
        // Filled in when the site and its other identity providers are known: site.rs.
        not: Vec::new(),
        others: Vec::new(),
        we_sign: true,
        wants_logout_address: written.single_logout.get() == Some(&true) && written.slo_url.is_absent(),
    })
}

fn changes(written: &IdpFile, desk: &mut Desk) -> Changes {
    let apply_held_after = match written.apply_held_after.or(OrOff::Off) {
        OrOff::Off => None,
        OrOff::On(delay) => {
            if delay < MINUTE {
                let message = "must be at least 1m, or off: nobody could look at what is held";
                desk.error(written.apply_held_after.problem(message));
            }
            Some(delay)
        }
    };
    Changes { keys: written.key_changes.or(Word(KeyChanges::default())).0, apply_held_after }
}

/// The keys of which one must have signed the metadata: several while the signer changes its own.
#[expect(clippy::option_option, reason = "outside: whether it is right; inside: whether there is one")]
fn pinned(field: &Field<OneOrMany<FilePath>>, desk: &mut Desk) -> Option<Option<TrustedKeys>> {
    if field.is_absent() {
        return Some(None);
    }
    let OneOrMany(listed) = field.get()?;
    let mut certificates = Vec::new();
    for item in listed {
        certificates.extend(certificates_of(item, desk)?);
    }
    match TrustedKeys::from_certificates(&certificates) {
        Ok((keys, warnings)) => {
            warnings.into_iter().for_each(|warning| desk.warn(field.problem(warning)));
            Some(Some(keys))
        }
        Err(message) => {
            desk.error(field.problem(message));
            None
        }
    }
}

#[expect(clippy::option_option, reason = "outside: whether it is right; inside: whether there is one")]
pub(super) fn authorities(
    field: &Field<FilePath>,
    desk: &mut Desk,
) -> Option<Option<Vec<CertificateDer<'static>>>> {
    if field.is_absent() {
        return Some(None);
    }
    let found = certificates_of(field, desk)?;
    Some(Some(found.into_iter().map(CertificateDer::from).collect()))
}

fn certificates_of(field: &Field<FilePath>, desk: &mut Desk) -> Option<Vec<Vec<u8>>> {
    let bytes = read(field, SMALL_LIMIT, desk)?;
    let found = match std::str::from_utf8(&bytes).ok().and_then(pem_or_base64) {
        Some(found) => Some(found),
        // Windows exports DER under the same name.
        None => (bytes.first() == Some(&0x30)).then(|| vec![bytes]),
    };
    if found.is_none() {
        desk.error(field.problem("has no certificate, neither PEM nor DER"));
    }
    found
}
