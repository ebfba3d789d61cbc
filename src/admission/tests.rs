use super::*;
use crate::seal::KeyRing;
use crate::secret::Secret;
use std::path::PathBuf;

const NO_ROLES: &[String] = &[];

fn ask<'a>(idp: &'a str, user: &'a str, email: Option<&'a str>) -> Applicant<'a> {
    Applicant { idp, user, email, roles: NO_ROLES, groups_are_known: true }
}

fn one(name: &str, idp: Option<&str>, roles: Option<&[&str]>) -> Invitation {
    let who = match crate::identity::email_address(name) {
        Some(email) => Who::Email(email),
        None => Who::User(name.to_owned()),
    };
    let roles = roles.map(|roles| roles.iter().map(|&role| role.to_owned()).collect());
    Invitation { who, idp: idp.map(str::to_owned), roles }
}

/// A list in a file of its own, one name a line; `name idp` for a certain identity provider.
fn list(folder: &tempfile::TempDir, text: &str) -> (PathBuf, Arc<InvitedList>) {
    let file = folder.path().join("people");
    std::fs::write(&file, text).unwrap();
    let read = |octets: &[u8]| {
        let mut invitations = Invitations::default();
        for line in std::str::from_utf8(octets).unwrap().lines() {
            if line == "broken" {
                return Err("is broken".to_owned());
            }
            let mut words = line.split(' ');
            let (name, idp) = (words.next().unwrap(), words.next());
            let roles: Vec<&str> = words.collect();
            invitations.add(one(
                name,
                idp.filter(|idp| *idp != "-"),
                (!roles.is_empty()).then_some(&roles),
            ))?;
        }
        Ok(invitations)
    };
    let list = InvitedList::load(&file, Box::new(read)).unwrap();
    (file, Arc::new(list))
}

/// Two identity providers, for whom the list stands.
fn house(list: &Arc<InvitedList>, just_in_time: bool, linked: [bool; 2]) -> Admission {
    let terms = |link_by_email| Terms { just_in_time, invited: Some(Arc::clone(list)), link_by_email };
    Admission {
        site: "app".into(),
        terms: vec![("corp".into(), terms(linked[0])), ("partner".into(), terms(linked[1]))],
        role_sync: RoleSync::EverySignIn,
        people: Some(Arc::new(People::in_memory())),
    }
}

/// Comes in and is remembered, or the code of the refusal.
fn comes(admission: &Admission, applicant: &Applicant<'_>) -> Result<Option<Vec<String>>, &'static str> {
    let admitted = admission.judge(applicant).map_err(|refusal| refusal.reason.code())?;
    let roles = admitted.roles().map(<[String]>::to_vec);
    admission.settle(admitted).map_err(|refusal| refusal.reason.code())?;
    Ok(roles)
}

#[test]
fn everybody_is_let_in_unless_the_owner_says_otherwise() {
    assert_eq!(comes(&Admission::default(), &ask("corp", "ada", None)), Ok(None));
    let shut = Terms { just_in_time: false, ..Terms::default() };
    let shut = Admission { terms: vec![("corp".into(), shut)], ..Admission::default() };
    assert_eq!(comes(&shut, &ask("corp", "ada", None)), Err("not-invited"));
    assert_eq!(comes(&shut, &ask("partner", "ada", None)), Ok(None), "of whom nothing was said");
}

#[test]
fn only_the_invited_come_in_where_nobody_else_may() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com\neve corp\nbob@partner.test partner admin auditor");
    let admission = house(&list, false, [false; 2]);
    let bob = ask("partner", "b", Some("bob@partner.test"));
    for (applicant, verdict) in [
        (ask("corp", "a", Some("ada@example.com")), Ok(None)),
        (ask("corp", "eve", None), Ok(None)),
        (bob, Ok(Some(vec!["admin".to_owned(), "auditor".to_owned()]))),
        (ask("corp", "mallory", Some("mallory@example.com")), Err("not-invited")),
        (ask("corp", "mallory", None), Err("not-invited")),
        (ask("partner", "eve", None), Err("not-invited")),
        (ask("corp", "Eve", None), Err("not-invited")),
        // The first letter is Cyrillic.
        (ask("corp", "\u{435}ve", None), Err("not-invited")),
        (ask("corp", "x", Some("\u{430}da@example.com")), Err("not-invited")),
        (ask("corp", "ada@example.com", None), Err("not-invited")),
    ] {
        assert_eq!(comes(&admission, &applicant), verdict, "{applicant:?}");
    }
}

#[test]
fn an_invitation_belongs_to_the_first_person_who_takes_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com - admin");
    let email = Some("ada@example.com");
    for just_in_time in [false, true] {
        let admission = house(&list, just_in_time, [false; 2]);
        let admin = Ok(Some(vec!["admin".to_owned()]));
        assert_eq!(comes(&admission, &ask("corp", "ada", email)), admin);
        assert_eq!(comes(&admission, &ask("corp", "ada", email)), admin, "again and again");
        assert_eq!(comes(&admission, &ask("partner", "ada", email)), Err("account-not-linked"));
        assert_eq!(comes(&admission, &ask("corp", "other", email)), Err("account-not-linked"));
    }
}

#[test]
fn an_invitation_for_one_identity_provider_is_not_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com partner");
    let (corp, partner) =
        (ask("corp", "ada", Some("ada@example.com")), ask("partner", "ada", Some("ada@example.com")));
    let admission = house(&list, false, [false; 2]);
    assert_eq!(comes(&admission, &corp), Err("account-not-linked"));
    assert_eq!(comes(&admission, &partner), Ok(None));
    let linked = house(&list, false, [true; 2]);
    assert_eq!(comes(&linked, &corp), Ok(None));
}

#[test]
fn equal_addresses_are_one_person_only_where_both_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com");
    let email = Some("ada@example.com");
    for (linked, verdict) in [
        ([true, true], Ok(None)),
        ([true, false], Err("account-not-linked")),
        ([false, true], Err("account-not-linked")),
        ([false, false], Err("account-not-linked")),
    ] {
        let admission = house(&list, false, linked);
        assert_eq!(comes(&admission, &ask("corp", "ada", email)), Ok(None));
        assert_eq!(comes(&admission, &ask("partner", "a.l.", email)), verdict, "{linked:?}");
    }
}

#[test]
fn of_two_who_take_up_one_invitation_at_once_the_second_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com");
    let admission = house(&list, false, [false; 2]);
    let [one, two] =
        ["ada", "eve"].map(|user| admission.judge(&ask("corp", user, Some("ada@example.com"))).unwrap());
    assert!(two.is_news() && two.is_invited());
    admission.settle(two).unwrap();
    assert_eq!(admission.settle(one).unwrap_err().reason, Reason::AccountNotLinked);
}

#[test]
fn a_judgement_alone_takes_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com");
    let admission = house(&list, false, [false; 2]);
    let email = Some("ada@example.com");
    let _ = admission.judge(&ask("corp", "eve", email)).unwrap();
    assert_eq!(comes(&admission, &ask("corp", "ada", email)), Ok(None));
}

#[test]
fn a_list_is_read_again_when_it_changes_and_a_broken_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (file, list) = list(&folder, "ada corp");
    let admission = house(&list, false, [false; 2]);
    let (ada, eve) = (ask("corp", "ada", None), ask("corp", "eve", None));
    let told = || (comes(&admission, &ada).is_ok(), comes(&admission, &eve).is_ok());
    assert_eq!(told(), (true, false));
    for (text, verdict) in [
        (Some("eve corp"), (false, true)),
        (Some("broken"), (false, true)),
        (None, (false, true)),
        (Some("eve corp\nada corp"), (true, true)),
        (Some(""), (false, false)),
    ] {
        match text {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        list.look_again();
        assert_eq!(told(), verdict, "{text:?}");
    }
}

#[test]
fn first_roles_stay_until_somebody_writes_others() {
    let folder = tempfile::tempdir().unwrap();
    let (file, list) = list(&folder, "eve corp auditor");
    let admission = Admission { role_sync: RoleSync::FirstSignIn, ..house(&list, true, [false; 2]) };
    let (reader, admin) = (["reader".to_owned()], ["admin".to_owned()]);
    let with = |idp, user, roles| Applicant { roles, ..ask(idp, user, None) };
    let unknown = Applicant { groups_are_known: false, ..with("corp", "ada", &[]) };
    assert_eq!(comes(&admission, &unknown), Ok(None), "not yet");
    assert_eq!(comes(&admission, &with("corp", "ada", &reader)), Ok(None));
    assert_eq!(comes(&admission, &unknown), Ok(Some(reader.to_vec())));
    assert_eq!(comes(&admission, &with("corp", "ada", &admin)), Ok(Some(reader.to_vec())));
    assert_eq!(comes(&admission, &with("partner", "ada", &admin)), Ok(None), "another person");
    // What is written for somebody goes before what groups gave, at whatever time.
    let auditor = Ok(Some(vec!["auditor".to_owned()]));
    assert_eq!(comes(&admission, &with("corp", "eve", &admin)), auditor);
    std::fs::write(&file, "ada corp auditor").unwrap();
    list.look_again();
    assert_eq!(comes(&admission, &with("corp", "ada", &admin)), auditor);
}

#[test]
fn what_is_remembered_outlives_the_process_where_there_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com");
    let file = folder.path().join("state/people");
    let keys = |fill| Arc::new(KeyRing::new(&[Secret::new(vec![fill; 32])]).unwrap());
    let of = |people| Admission {
        people: Some(Arc::new(people)),
        role_sync: RoleSync::FirstSignIn,
        ..house(&list, true, [false; 2])
    };
    let roles = ["reader".to_owned()];
    let ada = Applicant { roles: &roles, ..ask("corp", "ada", Some("ada@example.com")) };
    let before = of(People::kept_in(file.clone(), keys(1)).unwrap());
    assert_eq!(comes(&before, &ada), Ok(None));

    let after = of(People::kept_in(file.clone(), keys(1)).unwrap());
    assert_eq!(after.people.as_ref().unwrap().len(), 2);
    assert_eq!(comes(&after, &Applicant { roles: NO_ROLES, ..ada }), Ok(Some(roles.to_vec())));
    assert_eq!(comes(&after, &Applicant { user: "eve", ..ada }), Err("account-not-linked"));
    let sealed = std::fs::read(&file).unwrap();
    assert!(!sealed.windows(3).any(|three| three == b"ada"), "nobody reads it beside us");
    assert!(People::kept_in(file, keys(2)).is_err());
}

#[test]
fn a_full_memory_refuses_and_forgets_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (_, list) = list(&folder, "ada@example.com\nbob@example.com");
    let admission =
        Admission { people: Some(Arc::new(People::holding(1))), ..house(&list, false, [false; 2]) };
    let (ada, bob) =
        (ask("corp", "ada", Some("ada@example.com")), ask("corp", "bob", Some("bob@example.com")));
    assert_eq!(comes(&admission, &ada), Ok(None));
    assert_eq!(comes(&admission, &bob), Err("store-unavailable"));
    assert_eq!(comes(&admission, &ada), Ok(None));
}
