//! What admission said of somebody who would have come in, in words. Whom it does not let in is refused, and the page of the
//! refusal says why.

/// What is known of it. The default: everybody is let in whom the identity provider vouches for.
#[derive(Debug, Default)]
pub(in crate::login) struct Admission<'a> {
    /// Whom the identity provider may bring, in words; none: whoever it vouches for.
    pub(in crate::login) terms: Option<String>,
    /// Whether it was by an invitation.
    pub(in crate::login) invited: bool,
    /// The roles that count instead of those that the groups give.
    pub(in crate::login) roles: Option<&'a [String]>,
    /// Whether a sign-in would have left something to remember, which a test does not.
    pub(in crate::login) is_news: bool,
}

/// As names with values.
pub(in crate::login) fn admission(said: &Admission<'_>) -> Vec<(&'static str, String)> {
    let terms = said.terms.clone().unwrap_or_else(|| "whoever it vouches for".to_owned());
    let by = if said.invited { "by an invitation" } else { "because the identity provider vouches for them" };
    let mut facts = vec![("lets in", terms), ("this person", format!("is let in, {by}"))];
    if let Some(roles) = said.roles {
        let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(", ") };
        facts.push(("roles instead of those of the groups", roles));
    }
    if said.is_news {
        facts.push(("remembered", "nothing: this was a test; a sign-in would be remembered".to_owned()));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_told_with_its_roles_and_what_a_test_does_not_remember() {
        let roles = ["editor".to_owned()];
        let said = Admission {
            terms: Some("only people of people.yaml".to_owned()),
            invited: true,
            roles: Some(&roles),
            is_news: true,
        };
        let said: Vec<_> =
            admission(&said).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            said,
            [
                "lets in: only people of people.yaml",
                "this person: is let in, by an invitation",
                "roles instead of those of the groups: editor",
                "remembered: nothing: this was a test; a sign-in would be remembered",
            ]
        );
        assert_eq!(admission(&Admission::default()).len(), 2);
    }
}
