//! Honest messages, damaged as an attacker would: pieces moved, copied, cut, and markup put between. Each four octets of
//! the input are one injury. Whatever is let in says what was signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vestibule_fuzz::Gate;

static GATE: LazyLock<Gate> = LazyLock::new(Gate::new);

const SNIPPETS: &[&str] = &[
    "<!---->",
    "<!--x-->",
    "<![CDATA[",
    "]]>",
    "&#x41;",
    "&amp;",
    "<?p i?>",
    "\r\n",
    "\t",
    " ",
    "\0",
    "\u{feff}",
    "\u{200d}",
    " ID=\"_assertion\"",
    " Id=\"_assertion\"",
    " x:ID=\"_a\" xmlns:x=\"urn:x\"",
    " xmlns=\"urn:e\"",
    " xmlns:saml=\"urn:e\"",
    " xmlns:ds=\"urn:e\"",
    " xmlns=\"relative\"",
    "<saml:Subject>",
    "</saml:Subject>",
    "<saml:NameID>admin@example.com</saml:NameID>",
    "<saml:Assertion ID=\"_a2\">",
    "</saml:Assertion>",
    "<samlp:Extensions>",
    "</samlp:Extensions>",
    "<ds:Object>",
    "</ds:Object>",
    "<saml:Advice>",
    "</saml:Advice>",
    "admin@example.com",
    "<",
    ">",
    "/>",
    "\"",
    "'",
    "&",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "#_response",
    "#_assertion",
    "#",
    "sha1",
    "sha512",
    "WithComments",
    "PrefixList=\"saml\"",
    "xml:",
    "xmlns:xml=\"urn:x\"",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, injuries)) = data.split_first() else { return };
    let mut text = GATE.honest(usize::from(*first)).to_owned();
    for injury in injuries.chunks_exact(4).take(16) {
        let [what, one, two, three] = [injury[0], injury[1], injury[2], injury[3]].map(usize::from);
        let edges: Vec<usize> = text.match_indices(['<', '>', '"', ' ']).map(|(at, _)| at).collect();
        let edge = |n: usize| edges.get((n * 257 + what) % edges.len().max(1)).copied().unwrap_or(0);
        let (from, to) = (edge(one).min(edge(two)), edge(one).max(edge(two)));
        match what % 5 {
            0 => text.insert_str(edge(one), SNIPPETS[two % SNIPPETS.len()]),
            1 => {
                let piece = text[from..to].to_owned();
                text.insert_str(edge(three), &piece);
            }
            2 => text.replace_range(from..to, ""),
            3 => {
                let piece = text[from..to].replace("alice@", "admin@");
                text.replace_range(from..to, "");
                let at = (edge(three)..=text.len())
                    .find(|at| text.is_char_boundary(*at))
                    .unwrap_or(0)
                    .min(text.len());
                text.insert_str(at, &piece);
            }
            _ => {
                let at = (one * 256 + two) % text.len().max(1);
                if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                    text.replace_range(
                        at..=at,
                        char::from(u8::try_from(three % 128).unwrap_or(0)).to_string().as_str(),
                    );
                }
            }
        }
    }
    GATE.try_xml(text);
});
