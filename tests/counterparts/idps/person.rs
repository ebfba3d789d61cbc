//! Somebody who signs in.

/// What is typed at the identity provider, and what the gate shall know afterwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) login: &'static str,
    pub(crate) password: &'static str,
    pub(crate) user: &'static str,
    pub(crate) email: &'static str,
    pub(crate) name: Option<&'static str>,
    pub(crate) groups: &'static [&'static str],
}

/// The person whom every identity provider knows that lets us say whom it knows. The groups hold what must not be
/// mistaken for a separator, and letters that are not ASCII.
pub(crate) fn alice() -> Person {
    Person {
        login: "alice",
        password: "secret",
        user: "alice@example.com",
        email: "alice@example.com",
        name: Some("Alice Liddell"),
        groups: &["staff", "Ops, Berlin", "Größe"],
    }
}
