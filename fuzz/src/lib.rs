//! What the targets share: the scene of the attack corpus, and the one thing that must hold of whatever is let in.

#![allow(
    dead_code,
    reason = "each target uses its own part, and so do the tests with which the scene is shared"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a target speaks")]

mod logout;
#[path = "../../tests/attacks/table.rs"]
mod table;
#[path = "../../tests/attacks/scene.rs"]
mod scene;

pub use logout::LogoutGate;
use table::{Message, Table, World};
use scene::{Scene, Seen};

/// The gate's side of the corpus, and everybody who may be let in by it.
pub struct Gate {
    scene: Scene,
    /// Messages that are let in, as XML.
    honest: Vec<String>,
    /// What the identity provider signed.
    signed: Vec<Seen>,
    #[cfg(feature = "second-opinion")]
    second: vestibule::saml::second_opinion::SecondOpinion,
}

impl Gate {
    /// The usual world of the corpus, and the messages that are let in there.
    #[allow(clippy::new_without_default, reason = "reads files")]
    pub fn new() -> Self {
        let scene = Scene::of(&World::default());
        let table = Table::read();
        let honest: Vec<_> = table.accepted.iter().map(|case| &case.name).collect();
        // Signed too, and refused only in a world of their own: by a key that has been retired there, for example.
        let elsewhere =
            table.attack.iter().filter(|case| case.world() != World::default()).map(|case| &case.name);
        let signed = honest.iter().copied().chain(elsewhere);
        let signed: Vec<_> =
            signed.filter_map(|name| scene.judge_form(&Message::of(name).form_value()).ok()).collect();
        let honest: Vec<_> = honest.into_iter().filter_map(|name| Message::of(name).text()).collect();
        assert!(honest.len() > 25 && signed.len() > 25, "the corpus is not where it should be");
        Self {
            scene,
            honest,
            signed,
            #[cfg(feature = "second-opinion")]
            second: {
                use vestibule::saml::second_opinion::{SecondOpinion, Weight};
                SecondOpinion::seek(Weight::Enforce).unwrap().unwrap()
            },
        }
    }

    /// One of the messages that were signed, whatever the number.
    pub fn honest(&self, number: usize) -> &str {
        &self.honest[number % self.honest.len()]
    }

    /// A message as XML: whoever is let in is somebody whom the identity provider signed, with the same attributes.
    pub fn try_xml(&self, xml: String) {
        #[cfg(feature = "second-opinion")]
        self.ask_twice(&xml);
        if let Ok(seen) = self.scene.judge_xml(xml) {
            self.must_be_honest(&seen);
        }
    }

    /// The same from the value of the form field.
    pub fn try_form(&self, value: &str) {
        if let Ok(seen) = self.scene.judge_form(value) {
            self.must_be_honest(&seen);
        }
    }

    fn must_be_honest(&self, seen: &Seen) {
        assert!(self.signed.contains(seen), "nobody signed {seen:?}");
    }

    #[cfg(feature = "second-opinion")]
    fn ask_twice(&self, xml: &str) {
        use base64::Engine as _;
        let form = base64::engine::general_purpose::STANDARD.encode(xml);
        let Ok((text, accepted)) = self.scene.accepted(&form) else { return };
        if let Err(refusal) = self.second.weigh(&text, &accepted) {
            // An ID that nobody signed may be no name of XML to it.
            assert!(refusal.detail.contains("malformed XML ID"), "{refusal}:\n{xml}");
        }
    }
}
