//! Which rules a path could be about, found by the path's own segments, so that a thousand rules cost about what ten do.
//!
//! A tree of segments for each of the two forms of a pattern (as it is named, and loose). Only what cannot select is left
//! out: whoever asks still looks whether a rule does.

use super::path::Reading;
use super::pattern::{Kind, PathPattern};
use super::rules::Rule;
use hashbrown::HashMap;

/// The rules of a site by their paths.
#[derive(Debug, Clone)]
pub(super) struct Index {
    named: Tree,
    loose: Tree,
}

#[derive(Debug, Clone, Default)]
struct Tree {
    /// The first is the root.
    nodes: Vec<Node>,
}

/// What lies at a place in the tree. Rules by their numbers, ascending.
#[derive(Debug, Clone, Default)]
struct Node {
    children: HashMap<Box<str>, usize>,
    /// For this place and everything below it.
    below: Vec<usize>,
    /// For exactly this place.
    exactly: Vec<usize>,
    /// For every next segment that begins so.
    beginning: Vec<(Box<str>, usize)>,
}

impl Index {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let tree = |loose| {
            let mut tree = Tree { nodes: vec![Node::default()] };
            for (number, rule) in rules.iter().enumerate() {
                if rule.paths.is_empty() {
                    tree.add(Kind::Tree, "", number);
                }
                for pattern in &rule.paths {
                    let (kind, own) = pattern.form(loose);
                    tree.add(kind, own, number);
                }
            }
            tree
        };
        Self { named: tree(false), loose: tree(true) }
    }

    /// The first rule that could select the reading and passes. The reading's text begins with a slash.
    pub(super) fn first(&self, reading: Reading<'_>, passes: impl Fn(usize) -> bool) -> Option<usize> {
        let tree = if reading.loose { &self.loose } else { &self.named };
        let mut best = None;
        let mut better = |number: usize| {
            let earlier = best.is_none_or(|best| number < best);
            if earlier && passes(number) {
                best = Some(number);
            }
            // The list ascends: nothing behind is better than this or than what there was.
            !earlier || best == Some(number)
        };
        let mut node = tree.nodes.first();
        let mut segments = reading.text.strip_prefix('/').unwrap_or(reading.text).split('/');
        while let Some(here) = node {
            let _ = here.below.iter().any(|number| better(*number));
            let Some(segment) = segments.next() else {
                let _ = here.exactly.iter().any(|number| better(*number));
                break;
            };
            let begins = |(beginning, _): &&(Box<str>, usize)| segment.starts_with(&**beginning);
            let _ = here.beginning.iter().filter(begins).any(|(_, number)| better(*number));
            node = here.children.get(segment).and_then(|child| tree.nodes.get(*child));
        }
        best
    }
}

impl Tree {
    fn add(&mut self, kind: Kind, own: &str, number: usize) {
        let own = own.strip_prefix('/');
        let (place, last) = match (kind, own) {
            // Only `/*` has no segment at all, and a prefix that is loosely nothing is everything.
            (_, None) => return self.at([]).below.push(number),
            (Kind::Prefix, Some(own)) => {
                own.rsplit_once('/').map_or((None, own), |(place, last)| (Some(place), last))
            }
            (Kind::Tree | Kind::Exact, Some(own)) => (Some(own), ""),
        };
        let node = match place {
            None => self.at([]),
            Some(place) => self.at(place.split('/')),
        };
        match kind {
            Kind::Tree => node.below.push(number),
            Kind::Exact => node.exactly.push(number),
            Kind::Prefix => node.beginning.push((last.into(), number)),
        }
    }

    /// The node at a place, made on the way. The root stands for no segment.
    fn at<'s>(&mut self, segments: impl IntoIterator<Item = &'s str>) -> &mut Node {
        let mut place = 0;
        for segment in segments {
            let next = self.nodes.len();
            place = *self.nodes[place].children.entry(segment.into()).or_insert(next);
            if place == next {
                self.nodes.push(Node::default());
            }
        }
        &mut self.nodes[place]
    }
}

impl PathPattern {
    /// Its kind and what stands before the star, in one of its two forms.
    fn form(&self, loose: bool) -> (Kind, &str) {
        let (kind, own) = self.parts(loose);
        match kind {
            // Only the root's loose form ends with a slash, and a stem that is loosely the root is everything.
            Kind::Tree => (kind, own.strip_suffix('/').unwrap_or(own)),
            Kind::Exact | Kind::Prefix => (kind, own),
        }
    }
}
