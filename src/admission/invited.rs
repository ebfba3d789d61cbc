//! The list of people who were invited.

use hashbrown::HashMap;

/// One invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who.
    pub who: Who,
    /// Only by this identity provider; none: by any that the list is for.
    pub idp: Option<String>,
    /// Their roles, which then count instead of those that groups give; none: their groups decide.
    pub roles: Option<Vec<String>>,
}

/// Whom an invitation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By address, as [`crate::identity::email_address`] writes it.
    Email(String),
    /// By the identity provider's name for them, exactly.
    User(String),
}

/// All of them, found by whom they name.
#[derive(Debug, Default)]
pub struct Invitations {
    emails: HashMap<String, Vec<Invitation>>,
    users: HashMap<String, Vec<Invitation>>,
    count: usize,
}

impl Invitations {
    /// Adds one.
    ///
    /// # Errors
    /// The end of a sentence: the same person stands there already.
    pub fn add(&mut self, invitation: Invitation) -> Result<(), String> {
        let (place, name) = match &invitation.who {
            Who::Email(email) => (&mut self.emails, email.clone()),
            Who::User(user) => (&mut self.users, user.clone()),
        };
        let listed = place.entry(name).or_default();
        // With one for any identity provider beside one for a certain one, nobody could say whose roles count.
        let same = |other: &Invitation| {
            other.idp == invitation.idp || other.idp.is_none() || invitation.idp.is_none()
        };
        if listed.iter().any(same) {
            return Err("stands in the list already".to_owned());
        }
        listed.push(invitation);
        self.count += 1;
        Ok(())
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every invitation, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Invitation> {
        self.emails.values().chain(self.users.values()).flatten()
    }

    pub(super) fn by_user(&self, user: &str, idp: &str) -> Option<&Invitation> {
        self.users.get(user)?.iter().find(|invitation| suits(invitation, idp))
    }

    pub(super) fn by_email(&self, email: &str, idp: &str) -> Option<&Invitation> {
        self.emails.get(email)?.iter().find(|invitation| suits(invitation, idp))
    }

    /// Those by this address, whomever they are for.
    pub(super) fn of_others(&self, email: &str) -> &[Invitation] {
        self.emails.get(email).map_or(&[], Vec::as_slice)
    }
}

fn suits(invitation: &Invitation, idp: &str) -> bool {
    invitation.idp.as_deref().is_none_or(|own| own == idp)
}
