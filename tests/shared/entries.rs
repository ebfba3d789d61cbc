//! Entries that are not as we left them: no session, counted, never another's, never a crash.

use crate::servers::Server;
use crate::{NOW, ring, store};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use std::sync::Arc;
use vestibule::identity::Person as _;
use vestibule::observe::metrics::UnreadableEntry;
use vestibule::seal::Purpose;
use vestibule::session::suite::{Sample, sample};
use vestibule::session::{Selection, SessionKey, Store as _, VERSION};
use vestibule::store::RedisStore;

/// The names of the sessions on the server.
async fn sessions(behind: &mut MultiplexedConnection) -> Vec<String> {
    redis::cmd("KEYS").arg("vestibule:s:*").query_async(behind).await.unwrap()
}

/// Two gates' stores: what is written at the first is read at the second, which knows nothing yet.
async fn reader(server: &Server, fills: &[u8]) -> Arc<RedisStore> {
    store(&server.settings(), ring(fills), NOW).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_under_a_sessions_key_is_no_session() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let writer = reader(&server, b"a").await;
    let session = Arc::new(sample(1, NOW));
    writer.insert(Arc::clone(&session)).await.unwrap();
    let name = sessions(&mut behind).await.pop().unwrap();
    let whole: Vec<u8> = behind.get(&name).await.unwrap();

    let at = reader(&server, b"a").await;
    assert!(at.load(session.key()).await.unwrap().is_some(), "the accepted twin");
    let mut seen = 0;
    let mut rubbish: Vec<Vec<u8>> =
        vec![Vec::new(), vec![0], vec![0; 4], vec![0xff; 49], vec![b'x'; 5000], whole[4..].to_vec()];
    rubbish.extend([5, 20, 40, whole.len() - 1].map(|length| whole[..length].to_vec()));
    rubbish.push([&whole[..], b"x"].concat());
    for place in [4, 8, 12, 30, 60, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        rubbish.push(flipped);
    }
    for entry in &rubbish {
        let () = behind.set(&name, entry.as_slice()).await.unwrap();
        let at = reader(&server, b"a").await;
        assert!(at.load(session.key()).await.unwrap().is_none(), "{} octets", entry.len());
        let figures = at.figures();
        let counted = figures.unreadable_so_far(UnreadableEntry::Garbage)
            + figures.unreadable_so_far(UnreadableEntry::UnknownKey);
        assert_eq!(counted, 1, "{} octets", entry.len());
        seen += 1;
    }
    assert_eq!(seen, rubbish.len());
    // The first four octets are the last use. Later than now it cannot be, and never is a session longer than it may.
    let () = behind.set(&name, [&[0xff; 4], &whole[4..]].concat()).await.unwrap();
    let read = reader(&server, b"a").await.load(session.key()).await.unwrap().unwrap();
    assert_eq!((read.last_use(), read.ends_at()), (NOW, session.ends_at()));

    // Another kind of entry altogether.
    let () = behind.del(&name).await.unwrap();
    let () = behind.rpush(&name, "x").await.unwrap();
    let at = reader(&server, b"a").await;
    assert!(at.load(session.key()).await.unwrap().is_none());
    assert_eq!(at.figures().unreadable_so_far(UnreadableEntry::Garbage), 1);
    assert!(at.remove(session.key()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_was_put_under_another_key_opens_for_nobody() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let writer = reader(&server, b"a").await;
    let (ada, eve) = (sample(1, NOW), sample(2, NOW));
    let (adas, eves) = (*ada.key(), *eve.key());
    writer.insert(Arc::new(ada)).await.unwrap();
    let name_of_ada = sessions(&mut behind).await.pop().unwrap();
    writer.insert(Arc::new(eve)).await.unwrap();
    let name_of_eve = sessions(&mut behind).await.into_iter().find(|name| *name != name_of_ada).unwrap();

    // Eve, who can write to the server, puts Ada's session under her own cookie.
    let entry: Vec<u8> = behind.get(&name_of_ada).await.unwrap();
    let () = behind.set(&name_of_eve, entry).await.unwrap();
    let at = reader(&server, b"a").await;
    assert!(at.load(&eves).await.unwrap().is_none());
    assert_eq!(at.figures().unreadable_so_far(UnreadableEntry::Garbage), 1);
    let still = at.load(&adas).await.unwrap().unwrap();
    assert_eq!(still.user(), "u00000001@corp.example.com");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_an_unknown_key_is_counted_and_left_alone() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let session = Arc::new(sample(1, NOW));
    reader(&server, b"a").await.insert(Arc::clone(&session)).await.unwrap();

    let stranger = reader(&server, b"b").await;
    assert!(stranger.load(session.key()).await.unwrap().is_none());
    assert_eq!(stranger.figures().unreadable_so_far(UnreadableEntry::UnknownKey), 1);
    assert_eq!(sessions(&mut behind).await.len(), 1, "its own gate may come back");

    // While keys change, both open what either sealed, and find it by its names.
    let rolled = reader(&server, b"ba").await;
    assert!(rolled.load(session.key()).await.unwrap().is_some());
    let user = session.user();
    assert_eq!(rolled.by_user("corp", user).await.unwrap(), [*session.key()]);
    assert_eq!(
        rolled.by_name_id(session.site(), "corp", session.name_id(), session.session_index()).await.unwrap(),
        [*session.key()]
    );
    assert!(rolled.remove(session.key()).await.unwrap().is_some());
    assert_eq!(reader(&server, b"a").await.by_user("corp", user).await.unwrap(), []);
    stranger.rekey(ring(b"ab"));
    assert!(stranger.load(session.key()).await.unwrap().is_none(), "it was removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_later_release_wrote_is_no_session_and_stays() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let session = Arc::new(sample(1, NOW));
    reader(&server, b"a").await.insert(Arc::clone(&session)).await.unwrap();
    let name = sessions(&mut behind).await.pop().unwrap();

    let mut octets = session.to_octets();
    octets[0] = VERSION + 1;
    let sealed = ring(b"a").seal_kept(Purpose::Session, &session.key().0, &octets).unwrap();
    let entry: Vec<u8> = [&[0; 4][..], &sealed].concat();
    let () = behind.set(&name, &entry).await.unwrap();
    let at = reader(&server, b"a").await;
    assert!(at.load(session.key()).await.unwrap().is_none());
    assert_eq!(at.figures().unreadable_so_far(UnreadableEntry::Future), 1);
    assert_eq!(behind.get::<_, Vec<u8>>(&name).await.unwrap(), entry, "the later release reads it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_names_nobody() {
    let server = Server::start_with(&["--save", "3600 1", "--rdbcompression", "no"]);
    let mut behind = server.connect().await;
    let at = reader(&server, b"a").await;
    let person = Sample {
        user: "ada.lovelace".into(),
        email: Some("ada@analytical.example".into()),
        name_id: "name-of-ada".into(),
        index: Some("index-of-ada".into()),
        groups: Some(vec!["countesses".into()]),
        roles: vec!["mathematician".into()],
        ..Sample::new(1)
    };
    at.insert(Arc::new(person.session(NOW))).await.unwrap();
    let _: String = redis::cmd("SAVE").query_async(&mut behind).await.unwrap();
    let dump = std::fs::read(server.folder().join("dump.rdb")).unwrap();
    let says = |word: &str| dump.windows(word.len()).any(|octets| octets == word.as_bytes());
    assert!(says("vestibule:s:"), "the dump was read");
    // Long enough not to come out of a cipher by chance.
    for word in
        ["-of-ada", "lovelace", "analytical", "countesses", "mathematician", "corp", "Firstname", "example"]
    {
        assert!(!says(word), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_in_an_index_leads_to_nobody_else() {
    let server = Server::start();
    let mut behind = server.connect().await;
    let at = reader(&server, b"a").await;
    let (ada, eve) = (Arc::new(sample(1, NOW)), Arc::new(sample(2, NOW)));
    at.insert(Arc::clone(&ada)).await.unwrap();
    let indexes: Vec<String> =
        redis::cmd("KEYS").arg("vestibule:[una]:*").query_async(&mut behind).await.unwrap();
    assert_eq!(indexes.len(), 3);
    at.insert(Arc::clone(&eve)).await.unwrap();
    // Somebody writes Eve's session, an ended one and rubbish into each of Ada's indexes.
    let member = |key: &SessionKey| [&key.0[..], &ada.site().to_bytes(), &[0; 5]].concat();
    for name in &indexes {
        for octets in
            [member(eve.key()), member(sample(9, NOW).key()), b"x".to_vec(), Vec::new(), vec![0; 400]]
        {
            let () = behind.zadd(name, octets, 9e15).await.unwrap();
        }
    }
    assert_eq!(at.by_user("corp", ada.user()).await.unwrap(), [*ada.key()]);
    assert_eq!(at.by_name_id(ada.site(), "corp", ada.name_id(), None).await.unwrap(), [*ada.key()]);
    for name in &indexes {
        let () = behind.set(name, "x").await.unwrap();
    }
    assert_eq!(at.by_user("corp", ada.user()).await.unwrap(), []);
    assert_eq!(at.by_name_id(ada.site(), "corp", ada.name_id(), None).await.unwrap(), []);
    assert!(at.by_idp(ada.site(), "corp").await.unwrap().len() <= 1);
    assert!(at.select(&Selection::default(), 10).await.unwrap().len() <= 1);
}
