//! What changes from one start to the next.

use crate::house::{House, end};

#[tokio::test]
async fn a_configuration_that_changed_is_told_by_its_keys_and_not_by_its_values() {
    let mut house =
        House::new("audit: {output: file, file: audit.log}\nstate_dir: state\nstate_key_file: state-key\n");
    for more in ["", "", "branding: {name: A-new-name}\n"] {
        house.configure(more);
        let mut gate = house.start_piped();
        house.events_with("audit.log", "gate-started").await;
        assert!(end(&mut gate).success());
        std::fs::rename(house.path("audit.log"), house.path(&format!("run{}", more.len()))).unwrap();
    }

    let (same, changed) = (house.events("run0"), house.events(&format!("run{}", 29)));
    assert!(same.iter().all(|event| event["event"] != "config-changed"), "{same:#?}");
    let event = changed.iter().find(|event| event["event"] == "config-changed").expect("a change");
    assert_eq!(event["differences"], serde_json::json!(["+ branding.name"]));
    assert_eq!(event["fingerprint_before"], same[0]["fingerprint"]);
    assert_ne!(event["fingerprint"], event["fingerprint_before"]);
    let text = std::fs::read_to_string(house.path("run29")).unwrap();
    assert!(!text.contains("A-new-name"), "{text}");
}
