//! The table of the cases, and the files beside it.

use crate::scene::here;
use base64::Engine;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use vestibule::saml::parties::{Cbc, RequireSigned};

/// cases.toml. A key that it should not have fails the run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) attack: Vec<Attack>,
}

/// An honest message, and what must be read from it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    pub(crate) name: String,
    pub(crate) story: String,
    pub(crate) name_id: String,
    pub(crate) attributes: Option<BTreeMap<String, Vec<String>>>,
    keys: Option<Vec<String>>,
    sp_keys: Option<Vec<String>>,
    require_signed: Option<Demand>,
    cbc: Option<CbcPolicy>,
    require_encrypted: Option<bool>,
    algorithms: Option<Vec<String>>,
    sha1_until: Option<i64>,
    #[serde(default)]
    unsolicited: bool,
    #[serde(default)]
    force_authn: bool,
    #[serde(default)]
    authn_context: Vec<String>,
    max_authn_age: Option<u64>,
}

/// A hostile message, the code of the rule that must refuse it, and its honest sibling.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) story: String,
    pub(crate) expect: String,
    pub(crate) twin: String,
    keys: Option<Vec<String>>,
    sp_keys: Option<Vec<String>>,
    require_signed: Option<Demand>,
    cbc: Option<CbcPolicy>,
    require_encrypted: Option<bool>,
    algorithms: Option<Vec<String>>,
    sha1_until: Option<i64>,
    #[serde(default)]
    unsolicited: bool,
    #[serde(default)]
    force_authn: bool,
    #[serde(default)]
    authn_context: Vec<String>,
    max_authn_age: Option<u64>,
}

/// Where the world of a case differs from the scene's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) keys: Option<Vec<String>>,
    /// Our own keys; none unless said.
    pub(crate) sp_keys: Option<Vec<String>>,
    pub(crate) require_signed: Option<Demand>,
    pub(crate) cbc: Option<CbcPolicy>,
    pub(crate) require_encrypted: Option<bool>,
    pub(crate) algorithms: Option<Vec<String>>,
    /// Seconds from now.
    pub(crate) sha1_until: Option<i64>,
    /// Nobody asked: the answer is looked at as an unsolicited one.
    pub(crate) unsolicited: bool,
    pub(crate) force_authn: bool,
    pub(crate) authn_context: Vec<String>,
    /// Seconds.
    pub(crate) max_authn_age: Option<u64>,
}

/// `cbc`, as the table spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CbcPolicy {
    Accept,
    RequireSignedResponse,
    Refuse,
}

impl From<CbcPolicy> for Cbc {
    fn from(policy: CbcPolicy) -> Self {
        match policy {
            CbcPolicy::Accept => Self::Accept,
            CbcPolicy::RequireSignedResponse => Self::RequireSignedResponse,
            CbcPolicy::Refuse => Self::Refuse,
        }
    }
}

/// `require_signed`, as the table spells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Demand {
    #[default]
    Either,
    Assertion,
    Response,
    Both,
}

impl From<Demand> for RequireSigned {
    fn from(demand: Demand) -> Self {
        match demand {
            Demand::Either => Self::Either,
            Demand::Assertion => Self::Assertion,
            Demand::Response => Self::Response,
            Demand::Both => Self::Both,
        }
    }
}

impl Accepted {
    pub(crate) fn world(&self) -> World {
        World {
            keys: self.keys.clone(),
            sp_keys: self.sp_keys.clone(),
            require_signed: self.require_signed,
            cbc: self.cbc,
            require_encrypted: self.require_encrypted,
            algorithms: self.algorithms.clone(),
            sha1_until: self.sha1_until,
            unsolicited: self.unsolicited,
            force_authn: self.force_authn,
            authn_context: self.authn_context.clone(),
            max_authn_age: self.max_authn_age,
        }
    }
}

impl Attack {
    pub(crate) fn world(&self) -> World {
        World {
            keys: self.keys.clone(),
            sp_keys: self.sp_keys.clone(),
            require_signed: self.require_signed,
            cbc: self.cbc,
            require_encrypted: self.require_encrypted,
            algorithms: self.algorithms.clone(),
            sha1_until: self.sha1_until,
            unsolicited: self.unsolicited,
            force_authn: self.force_authn,
            authn_context: self.authn_context.clone(),
            max_authn_age: self.max_authn_age,
        }
    }
}

impl Table {
    pub(crate) fn read() -> Self {
        let path = folder().join("cases.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.accepted.iter().map(|c| c.name.as_str()).chain(self.attack.iter().map(|c| c.name.as_str()))
    }
}

/// The file of a case: `NAME.xml` or `NAME.form`.
pub(crate) enum Message {
    /// The document before base64: octets, because not every attack is UTF-8.
    Xml(Vec<u8>),
    /// The literal value of the form field.
    Form(String),
}

impl Message {
    pub(crate) fn of(name: &str) -> Self {
        let xml = folder().join(format!("{name}.xml"));
        if let Ok(octets) = std::fs::read(&xml) {
            return Self::Xml(octets);
        }
        let form = folder().join(format!("{name}.form"));
        Self::Form(std::fs::read_to_string(form).unwrap_or_else(|e| panic!("{}: {e}", xml.display())))
    }

    /// What the browser posts.
    pub(crate) fn form_value(&self) -> String {
        match self {
            Self::Xml(octets) => base64::engine::general_purpose::STANDARD.encode(octets),
            Self::Form(value) => value.clone(),
        }
    }

    /// The document as text, where it is one.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Xml(octets) => String::from_utf8(octets.clone()).ok(),
            Self::Form(_) => None,
        }
    }
}

/// The names of all files of cases.
pub(crate) fn files() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).expect("the folder of the cases");
    let paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let names = paths.iter().filter(|path| !path.ends_with("cases.toml")).map(|path| case_name(path));
    names.collect()
}

fn case_name(path: &Path) -> String {
    let known = path.extension().is_some_and(|e| e == "xml" || e == "form");
    assert!(known, "{} is neither .xml nor .form", path.display());
    path.file_stem().and_then(|stem| stem.to_str()).expect("names are plain").to_string()
}

fn folder() -> PathBuf {
    here().join("cases")
}
