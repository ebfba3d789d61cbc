//! The look of the pages.

use super::Desk;
use super::files::read;
use crate::clock::Moment;
use crate::config::file::Branding as BrandingFile;
use crate::config::reader::Field;
use crate::config::report::Report;
use crate::config::values::FilePath;
use crate::federation::Outbound;
use crate::pages::{Accent, Branding, Language, Logo, MAX_PICTURE_BYTES, Picture};

/// `prefix`: the path under which the logo is served.
pub(super) fn branding(file: &BrandingFile, prefix: &str, desk: &mut Desk) -> Branding {
    if let Some(text) = file.help_url.get() {
        let good = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http" | "mailto"));
        if !good {
            let message = "must be an https:, http: or mailto: address: it becomes a link on the pages";
            desk.error(file.help_url.problem(message));
        }
    }
    let logo = picture(&file.logo_file, desk).map(|picture| {
        let path = format!("{prefix}/logo?v={}", picture.tag());
        Logo { picture, path }
    });
    Branding {
        name: file.name.get().cloned(),
        logo,
        accent: accent(&file.accent, desk),
        help_url: file.help_url.get().cloned(),
        language: Language::default(),
    }
}

/// The look of pages that belong to no site, such as those of unknown hosts: without a logo, which is served on sites. What is
/// wrong with it has been said about the site's.
pub(super) fn of_no_site(file: &BrandingFile, now: Moment) -> Branding {
    let mut nobody = Desk::new(Report::default(), now, Outbound::direct());
    Branding { logo: None, ..branding(file, "", &mut nobody) }
}

fn accent(field: &Field<String>, desk: &mut Desk) -> Option<Accent> {
    let accent = Accent::parse(field.get()?).map_err(|message| desk.error(field.problem(message))).ok()?;
    if let Some(caveat) = accent.caveat() {
        desk.warn(field.problem(caveat));
    }
    Some(accent)
}

/// A logo from its file.
pub(super) fn picture(field: &Field<FilePath>, desk: &mut Desk) -> Option<Picture> {
    // Read one byte further than a logo may be, so that a large one is told as such.
    let bytes = read(field, MAX_PICTURE_BYTES.max(super::files::SMALL_LIMIT as usize) as u64, desk)?;
    let FilePath(path) = field.get()?;
    Picture::read(bytes).map_err(|why| desk.error(field.problem(format!("{}: {why}", path.display())))).ok()
}
