//! An identity outside of this process, inside a sealed session: written down whole, and read back as it was.
//!
//! This is no second way to an identity. What is read here was written by [`Identity::write`] from one that an accepted
//! assertion made, and between the two it lay under our own seal; the room `session` hands in nothing else.

use super::octets::{Reader, Writer};
use super::{AsSent, Groups, Identity, PartKey};
use crate::saml::response::NameId;

impl Identity {
    /// Writes everything down. What is added to an identity must be added here as well: without it, [`Self::read_kept`]
    /// does not compile, and a release that reads it must call it another version (`session/portable.rs`).
    pub(crate) fn write(&self, to: &mut Writer) {
        to.text(&self.idp);
        to.text(&self.user);
        to.maybe(self.email.as_deref());
        to.maybe(self.name.as_deref());
        to.maybe(self.preferred_username.as_deref());
        match &self.groups {
            Groups::Unknown => to.byte(0),
            Groups::Known(groups) => {
                to.byte(1);
                to.texts(groups);
            }
        }
        to.texts(&self.roles);
        to.text(&self.name_id.value);
        to.maybe(self.name_id.format.as_deref());
        to.maybe(self.name_id.name_qualifier.as_deref());
        to.maybe(self.name_id.sp_name_qualifier.as_deref());
        to.maybe(self.session_index.as_deref());
        to.moment(self.authn_instant);
        to.maybe(self.authn_context_class.as_deref());
        to.count(self.carried.len());
        for (part, text) in &self.carried {
            to.number(part.0);
            to.text(text);
        }
        to.maybe(self.as_sent.user.as_deref());
        to.maybe(self.as_sent.email.as_deref());
        to.byte(self.forced.into());
        to.byte(self.session_not_on_or_after.is_some().into());
        if let Some(end) = self.session_not_on_or_after {
            to.moment(end);
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read_kept(from: &mut Reader<'_>) -> Option<Self> {
        fn owned(text: Option<&str>) -> Option<String> {
            text.map(str::to_owned)
        }
        Some(Self {
            idp: from.text()?.to_owned(),
            user: from.text()?.to_owned(),
            email: owned(from.maybe()?),
            name: owned(from.maybe()?),
            preferred_username: owned(from.maybe()?),
            groups: if from.flag()? { Groups::Known(from.texts()?.into()) } else { Groups::Unknown },
            roles: from.texts()?,
            name_id: NameId {
                value: from.text()?.to_owned(),
                format: owned(from.maybe()?),
                name_qualifier: owned(from.maybe()?),
                sp_name_qualifier: owned(from.maybe()?),
            },
            session_index: owned(from.maybe()?),
            authn_instant: from.moment()?,
            authn_context_class: owned(from.maybe()?),
            carried: from.list(|from| Some((PartKey(from.number()?), from.text()?.to_owned())))?,
            as_sent: AsSent { user: owned(from.maybe()?), email: owned(from.maybe()?) },
            forced: from.flag()?,
            session_not_on_or_after: if from.flag()? { Some(from.moment()?) } else { None },
            #[cfg(not(test))]
            _made_from_an_assertion: super::MadeFromAnAssertion,
        })
    }
}
