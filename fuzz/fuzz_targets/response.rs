//! A posted answer, as XML or as the value of the form field. Nobody is let in whom nobody signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vestibule_fuzz::Gate;

static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);

fuzz_target!(|text: &str| {
    if text.trim_start_matches('\u{feff}').starts_with('<') {
        GATE.try_xml(text.to_owned());
    } else {
        GATE.try_form(text);
    }
});
