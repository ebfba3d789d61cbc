//! The judgement.

use super::cors::Preflight;
use super::index::Index;
use super::path::{Reading, RequestPath};
use super::pattern::PathPattern;
use super::step_up::StepUp;
use super::term::{Answer, Given, Term};
use crate::clock::Moment;
use crate::identity::Person;
use crate::reason::{Reason, Refusal};
use http::Method;
use ipnet::IpNet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// What is asked of the rules.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The method of the browser's request, not of a gateway's question about it.
    pub method: &'a Method,
    /// The path of the browser's request.
    pub path: &'a RequestPath,
    /// The client's address as `trusted_proxies` allow it to be known.
    pub client: IpAddr,
    /// The time: a sign-in grows old.
    pub now: Moment,
}

/// `access:` of one rule, or the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everybody passes; a session's identity goes along.
    Public,
    /// Everybody passes; a session's identity goes along. For pages that greet who is signed in.
    Optional,
    /// Whoever has a session passes.
    Authenticated,
    /// Nobody passes, signed in or not.
    Deny,
    /// Whoever has a session of which the term is known to hold passes.
    When(Term),
}

/// One rule: empty selector lists select everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Any of these paths.
    pub paths: Vec<PathPattern>,
    /// Any of these methods, exactly as written; where HEAD is not named it must pass as GET as well.
    pub methods: Vec<Method>,
    /// A client in any of these networks.
    pub networks: Vec<IpNet>,
    /// What it takes to pass.
    pub access: Access,
}

impl Rule {
    /// Whether every request that the other selects is one that this selects: placed before it, the other never decides.
    pub fn covers(&self, other: &Self) -> bool {
        let all = |own: bool, others: bool, each: &dyn Fn() -> bool| own || (!others && each());
        let path = |path: &PathPattern| self.paths.iter().any(|own| own.covers(path));
        let network = |net: &IpNet| self.networks.iter().any(|own| own.contains(net));
        all(self.paths.is_empty(), other.paths.is_empty(), &|| other.paths.iter().all(path))
            && all(self.methods.is_empty(), other.methods.is_empty(), &|| {
                other.methods.iter().all(|method| self.methods.contains(method))
            })
            && all(self.networks.is_empty(), other.networks.is_empty(), &|| {
                other.networks.iter().all(network)
            })
    }
}

/// The rules of a site.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    default: Access,
    /// Where there are many.
    index: Option<Index>,
}

/// Proof that one request was judged and may pass. Only [`Rules::judge`] makes one (and, for a browser's
/// question that the owner lets pass, [`Verdict::or_preflight`]), and it cannot be copied.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    identified: bool,
}

impl Permit {
    const fn granted(identified: bool) -> Self {
        Self { identified }
    }

    /// Whether a session's identity is to be forwarded (false: nobody is signed in; every identity header goes out
    /// empty).
    pub const fn identified(&self) -> bool {
        self.identified
    }
}

/// The judgement. Matched exhaustively by both faces.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// The request may pass.
    Allow(Permit),
    /// It might pass with a session, and has none.
    NeedsSession,
    /// It might pass with a sign-in of another kind, which [`Rules::step_up`] says of the rule.
    NeedsStepUp {
        /// Which rule asks for it.
        rule: u16,
        /// `session-missing` or `step-up-needed`.
        because: Reason,
    },
    /// It may not pass; signing in, or in again, does not help.
    Forbidden(Refusal),
}

impl Verdict {
    /// What the owner lets pass without a session, as nobody.
    pub(super) const fn allow_preflight(_: Preflight) -> Self {
        Self::Allow(Permit::granted(false))
    }
}

/// What one rule says; later variants are stricter.
pub(super) enum Outcome {
    Pass,
    NeedsSession,
    NeedsStepUp(Reason),
    Refused(Reason),
}

/// So many are looked at one by one faster than they are found.
const FEW: usize = 16;

/// The longest description of a term or path in a refusal's detail, in bytes.
const DETAIL_PART: usize = 300;

impl Rules {
    /// `rules` in the configuration's order; `default` for what none of them selects.
    pub fn new(rules: Vec<Rule>, default: Access) -> Self {
        let index = (rules.len() > FEW).then(|| Index::of(&rules));
        Self { rules, default, index }
    }

    /// In the configuration's order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// For what no rule selects.
    pub const fn default_access(&self) -> &Access {
        &self.default
    }

    /// The first rule that selects decides; its failed `access` never falls through to a later rule. `person` is a
    /// live session's, or none. The strictest verdict over all readings of the path and the method counts, see the
    /// module's header.
    pub fn judge<P: Person + ?Sized>(&self, question: &Question<'_>, person: Option<&P>) -> Verdict {
        let mut needs_session = false;
        let mut needs_step_up = None;
        let mut judged = None;
        let given = Given { now: question.now, stepped_up: false };
        for reading in question.path.readings() {
            let rule = self.first(question, reading, false);
            let as_get = if self.names_method(rule, question.method) {
                rule
            } else {
                self.first(question, reading, true)
            };
            for rule in [rule, as_get] {
                if judged == Some(rule) {
                    continue;
                }
                judged = Some(rule);
                match outcome(self.access(rule), person, given) {
                    Outcome::Pass => {}
                    Outcome::NeedsSession => needs_session = true,
                    Outcome::NeedsStepUp(because) => match rule.and_then(|at| u16::try_from(at).ok()) {
                        Some(at) => needs_step_up = Some((at, because)),
                        // Nobody could say what to sign in for: the default has no terms, and no file so many rules.
                        None => {
                            let words = self.explain(rule, question, reading);
                            return Verdict::Forbidden(Refusal::new(Reason::AccessDenied, words));
                        }
                    },
                    Outcome::Refused(reason) => {
                        return Verdict::Forbidden(Refusal::new(
                            reason,
                            self.explain(rule, question, reading),
                        ));
                    }
                }
            }
        }
        match needs_step_up {
            Some((rule, because)) => Verdict::NeedsStepUp { rule, because },
            None if needs_session => Verdict::NeedsSession,
            None => Verdict::Allow(Permit::granted(person.is_some())),
        }
    }

    /// What a sign-in for this rule must bring; none: nothing in particular.
    pub fn step_up(&self, rule: u16) -> Option<StepUp> {
        match &self.rules.get(usize::from(rule))?.access {
            Access::When(term) => term.step_up(),
            _ => None,
        }
    }

    /// For the owner: what this rule asks for.
    pub fn in_words(&self, rule: u16) -> String {
        let asks = match self.access(Some(usize::from(rule))) {
            Access::When(term) => term.to_string(),
            _ => "nothing".to_owned(),
        };
        format!("rules[{rule}] asks for {}", shortened(&asks))
    }

    /// Whether any rule asks where the client is. Who judges need not find that out where none does.
    pub fn ask_for_client(&self) -> bool {
        self.rules.iter().any(|rule| !rule.networks.is_empty())
    }

    /// The first rule that selects under this reading; none: the default.
    fn first(&self, question: &Question<'_>, reading: Reading<'_>, loose_method: bool) -> Option<usize> {
        let selects = |rule: &Rule| {
            (rule.paths.is_empty() || rule.paths.iter().any(|path| path.selects(reading)))
                && (rule.methods.is_empty()
                    || rule.methods.iter().any(|own| is_method(own, question.method, loose_method)))
                && (rule.networks.is_empty() || rule.networks.iter().any(|net| holds(net, question.client)))
        };
        match &self.index {
            Some(index) if reading.text.starts_with('/') => {
                index.first(reading, |at| self.rules.get(at).is_some_and(selects))
            }
            _ => self.rules.iter().position(selects),
        }
    }

    fn access(&self, rule: Option<usize>) -> &Access {
        rule.and_then(|at| self.rules.get(at)).map_or(&self.default, |rule| &rule.access)
    }

    /// Whether there is no second reading of the method, because it has none or the owner spoke of this very method.
    fn names_method(&self, rule: Option<usize>, method: &Method) -> bool {
        !is_read_loosely(method)
            || rule.and_then(|at| self.rules.get(at)).is_some_and(|rule| rule.methods.contains(method))
    }

    /// For the owner: which rule, under which reading, and what it takes.
    #[cold]
    fn explain(&self, rule: Option<usize>, question: &Question<'_>, reading: Reading<'_>) -> String {
        let mut text = match rule {
            Some(at) => format!("rules[{at}]"),
            None => "default_access".to_owned(),
        };
        if let Some(pattern) = rule
            .and_then(|at| self.rules.get(at))
            .and_then(|rule| rule.paths.iter().find(|path| path.selects(reading)))
        {
            let _ = write!(text, " ({})", shortened(&pattern.to_string()));
        }
        let _ = match self.access(rule) {
            Access::When(term) => write!(text, " asks for {}", shortened(&term.to_string())),
            _ => write!(text, " denies everybody"),
        };
        if reading.text != question.path.as_str() {
            let _ = write!(
                text,
                "; path {}, which some servers read as {}",
                shortened(&format!("{:?}", question.path.as_str())),
                shortened(&format!("{:?}", reading.text))
            );
        }
        text
    }
}

pub(super) fn outcome<P: Person + ?Sized>(access: &Access, person: Option<&P>, given: Given) -> Outcome {
    match (access, person) {
        (Access::Public | Access::Optional, _) | (Access::Authenticated, Some(_)) => Outcome::Pass,
        (Access::Deny, _) => Outcome::Refused(Reason::AccessDenied),
        // One sign-in of the right kind instead of two.
        (Access::When(term), None) if term.is_about_the_sign_in() => {
            Outcome::NeedsStepUp(Reason::SessionMissing)
        }
        (Access::Authenticated | Access::When(_), None) => Outcome::NeedsSession,
        (Access::When(term), Some(person)) if term.ask(person, given) == Answer::Yes => Outcome::Pass,
        (Access::When(term), Some(person)) => {
            let stepped_up = Given { stepped_up: true, ..given };
            match term.ask(person, stepped_up) {
                Answer::Yes => Outcome::NeedsStepUp(Reason::StepUpNeeded),
                Answer::Unknown if term.lacks_groups(person, stepped_up) => {
                    Outcome::Refused(Reason::AccessUnknownGroups)
                }
                Answer::No | Answer::Unknown => Outcome::Refused(Reason::AccessDenied),
            }
        }
    }
}

/// Whether a server may read the method as another one.
fn is_read_loosely(method: &Method) -> bool {
    *method == Method::HEAD || method.as_str().bytes().any(|b| b.is_ascii_lowercase())
}

fn is_method(own: &Method, asked: &Method, loose: bool) -> bool {
    own == asked
        || loose
            && (own.as_str().eq_ignore_ascii_case(asked.as_str())
                || own == Method::GET && asked.as_str().eq_ignore_ascii_case("HEAD"))
}

/// An IPv4 address is one, also when it was written as IPv6 (`::ffff:10.0.0.1`); the same for networks.
fn holds(net: &IpNet, client: IpAddr) -> bool {
    match (net, client.to_canonical()) {
        (IpNet::V6(net), IpAddr::V4(client)) => net.contains(&client.to_ipv6_mapped()),
        (net, client) => net.contains(&client),
    }
}

fn shortened(text: &str) -> &str {
    let mut end = text.len().min(DETAIL_PART);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "upstream_tests.rs"]
mod upstream_tests;
