//! What comes to the logout endpoint: the query of a redirect, as it arrived, or the field of a form. Text is taken as
//! it is; everything else is injuries to honest messages, four octets each. What is accepted is what was signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vestibule_fuzz::LogoutGate;

static GATE: LazyLock<LogoutGate> = LazyLock::new(LogoutGate::new);

const SNIPPETS: &[&str] = &[
    "&",
    "=",
    "%",
    "%26",
    "%3D",
    "+",
    "%00",
    "&RelayState=x",
    "&RelayState=",
    "&SAMLRequest=",
    "&SAMLResponse=",
    "&SigAlg=",
    "&Signature=",
    "&SAMLEncoding=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Abindings%3AURL-Encoding%3ADEFLATE",
    "&samlrequest=x",
    "&SAML%52equest=x",
    "sha1",
    "<!---->",
    "<saml:NameID>eva</saml:NameID>",
    "<samlp:SessionIndex>s2</samlp:SessionIndex>",
    " ID=\"_a\"",
    "eva",
    "<",
    ">",
    "\"",
];

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && text.contains("SAML")
    {
        GATE.try_query(text);
        return;
    }
    let Some((first, injuries)) = data.split_first() else { return };
    let (is_query, honest) = GATE.honest(usize::from(*first));
    let mut text = honest.to_owned();
    for injury in injuries.chunks_exact(4).take(16) {
        let [what, one, two, three] = [injury[0], injury[1], injury[2], injury[3]].map(usize::from);
        let place = |high: usize, low: usize| {
            let at = (high * 256 + low) % (text.len() + 1);
            (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
        };
        let edges: Vec<usize> =
            text.match_indices(['<', '>', '"', '&', '=', '%']).map(|(at, _)| at).collect();
        let edge = |n: usize| edges.get(n % edges.len().max(1)).copied().unwrap_or(0);
        let (from, to) = (edge(one).min(edge(two)), edge(one).max(edge(two)));
        match what % 5 {
            0 => text.insert_str(edge(one), SNIPPETS[two % SNIPPETS.len()]),
            1 => {
                let piece = text[from..to].to_owned();
                text.insert_str(edge(three), &piece);
            }
            2 => text.replace_range(from..to, ""),
            3 => {
                let other = GATE.honest(three).1.to_owned();
                let at = place(one, two).min(other.len());
                if other.is_char_boundary(at) {
                    text.truncate(place(one, two));
                    text.push_str(&other[at..]);
                }
            }
            _ => {
                let at = place(one, two);
                let end = (at + 1..=text.len()).find(|end| text.is_char_boundary(*end));
                if let Some(end) = end {
                    let new = char::from(u8::try_from(three % 128).unwrap_or(0));
                    text.replace_range(at..end, new.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }
    let _accepted = if is_query { GATE.try_query(&text) } else { GATE.try_form(&text) };
});
