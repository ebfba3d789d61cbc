//! What could never come out of an identity, or could come out of two people, whatever an identity provider sends.

use super::Desk;
use super::identity::Written;
use crate::config::file::{Identity, IdentityProvider};
use crate::config::reader::{Field, Place};
use crate::config::values::OneOrMany;
use crate::identity::{Domain, Mapping, Part, Reach, Transform, email_address};

/// Formats whose names are no addresses by their definition (Core 8.3): random, or in a form of their own.
const NO_ADDRESSES: &[&str] =
    &["persistent", "transient", "kerberos", "entity", "X509SubjectName", "WindowsDomainQualifiedName"];

/// More samples would make a check of many domains slow, and two that agree are found among these.
const MOST_SAMPLES: usize = 50;

/// Everything of it; the parts and transforms have been read.
pub(super) fn never(written: &Written<'_>, mapping: &Mapping, desk: &mut Desk) {
    joined(written.identity, desk);
    no_address_as_name_id(written, mapping, desk);
    for (part, steps) in &mapping.transforms {
        let name = part.to_string();
        let table = written.identity.transform.get();
        let Some((_, field)) =
            table.and_then(|table| table.0.iter().find(|(own, _)| Part::named(own) == *part))
        else {
            continue;
        };
        // A step that could not be read: that has been said.
        if steps.is_empty() || field.get().is_none_or(|listed| listed.len() != steps.len()) {
            continue;
        }
        let required = asks_for(written.identity, part);
        if !could_come_out(part, steps, &field.place, &required, desk) {
            continue;
        }
        if matches!(part, Part::User | Part::Email) {
            becomes_one(&name, part, &field.place, written, mapping, desk);
        }
    }
}

/// Of names for display `a + b` is two attributes; of what people are known by it would be the name of one.
fn joined(identity: &Identity, desk: &mut Desk) {
    for (part, field) in [("user", &identity.user), ("email", &identity.email), ("groups", &identity.groups)]
    {
        for item in field.get().into_iter().flat_map(|OneOrMany(listed)| listed) {
            if item.get().is_some_and(|name| name.contains(" + ")) {
                let message = format!(
                    "joins two attributes, which is for names: no attribute of `{part}` is called so"
                );
                desk.error(item.problem(message));
            }
        }
    }
}

/// The NameID alone is to be the address, and names that are none are asked for.
fn no_address_as_name_id(written: &Written<'_>, mapping: &Mapping, desk: &mut Desk) {
    if !mapping.email.iter().all(|candidate| candidate.eq_ignore_ascii_case("NameID")) {
        return;
    }
    for idp in &written.idps {
        let Some(format) = idp.name_id_format.get() else { continue };
        let word = format.rsplit(':').next().unwrap_or(format);
        if !NO_ADDRESSES.contains(&word) {
            continue;
        }
        let message = format!(
            "asks for {word} names, which are no addresses, and {} takes the NameID alone: no e-mail address could ever \
             arrive{}",
            written.identity.email.place.in_words(),
            asks_for(written.identity, &Part::Email)
        );
        let hint = "name an attribute in identity.email, such as mail, or ask for name_id_format: email";
        desk.error(idp.name_id_format.problem(message).hint(hint));
    }
}

/// That the part is required, and where.
fn asks_for(identity: &Identity, part: &Part) -> String {
    let listed = identity.required.get().into_iter().flat_map(|OneOrMany(listed)| listed);
    let mut asking = listed.filter(|item| item.get().is_some_and(|name| Part::named(name) == *part));
    asking.next().map_or_else(String::new, |item| format!(", and {} requires one", item.place.in_words()))
}

/// Whether these steps can leave something of some value, and of an address one.
fn could_come_out(part: &Part, steps: &[Transform], place: &Place, required: &str, desk: &mut Desk) -> bool {
    let reach = Reach::after(steps);
    let message = if steps.contains(&Transform::StripDomain) && *part == Part::Email {
        "takes the domain from the e-mail address: what is left is none"
    } else if reach.is_nothing() {
        "leaves nothing of any value: no value can match, or what matches is empty"
    } else if *part == Part::Email && !reach.may_hold('@') {
        "leaves no `@` in any value: no e-mail address could ever come out"
    } else {
        return true;
    };
    desk.error(place.problem(format!("{message}{required}")));
    false
}

/// Two people by whose addresses it is tried.
const TWO: [&str; 2] = ["alice", "bob"];

/// Tries the transforms on addresses: of two people of one domain, and of one name in two domains.
fn becomes_one(
    name: &str,
    part: &Part,
    place: &Place,
    written: &Written<'_>,
    mapping: &Mapping,
    desk: &mut Desk,
) {
    let domains = samples(&written.idps);
    let left = |local: &str, domain: &str| {
        let left = mapping.transformed(part, &format!("{local}@{domain}")).trim_matches(' ').to_owned();
        match part {
            Part::Email => email_address(&left),
            _ => Some(left).filter(|left| !left.is_empty()),
        }
    };
    let [alice, bob] = TWO;
    for (domain, _) in &domains {
        let (one, other) = (left(alice, domain), left(bob, domain));
        if let Some(one) = one.filter(|one| other.as_ref() == Some(one)) {
            let message = format!(
                "makes `{one}` of {alice}@{domain} and of {bob}@{domain}: two people would have one {name}"
            );
            desk.error(
                place.problem(message).hint("keep what tells people apart, such as what stands before the @"),
            );
            return;
        }
    }
    let made: Vec<_> = domains.iter().map(|(domain, idp)| (domain, idp, left(alice, domain))).collect();
    for (position, (domain, idp, one)) in made.iter().enumerate() {
        let Some(one) = one else { continue };
        let Some((earlier, whose, _)) =
            made[..position].iter().find(|(_, _, other)| other.as_ref() == Some(one))
        else {
            continue;
        };
        let (become_what, hint) = if whose == idp {
            (
                "people of two domains with one name become one person",
                "write the one domain into email_domains of each identity provider",
            )
        } else {
            (
                "people of two identity providers have one name to an application that looks at nothing else",
                "leave the domain in, or let the application know people by `sub` of the JWT",
            )
        };
        let message = format!("makes `{one}` of {alice}@{earlier} and of {alice}@{domain}: {become_what}");
        desk.warn(place.problem(message).hint(hint));
        return;
    }
}

/// Domains of which addresses may come, each with the place of who may speak for it.
fn samples(idps: &[&IdentityProvider]) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for (at, idp) in idps.iter().enumerate() {
        let listed = idp.email_domains.get().map_or(&[][..], Vec::as_slice);
        let read = listed.iter().filter_map(|item| Domain::parse(Field::get(item)?).ok());
        let mut own: Vec<String> = Vec::new();
        for domain in read {
            match domain.is_below() {
                true => own.extend(["one", "two"].map(|label| format!("{label}.{}", domain.name()))),
                false => own.push(domain.name().to_owned()),
            }
        }
        if own.is_empty() {
            own.extend(["one.example", "two.example"].map(str::to_owned));
        }
        for domain in own {
            if found.len() < MOST_SAMPLES && !found.iter().any(|(known, _)| *known == domain) {
                found.push((domain, at));
            }
        }
    }
    found
}
