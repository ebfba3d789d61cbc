//! Names of groups and roles, and the qualifiers of NameIDs, each kept once for all sessions.
//!
//! A thousand groups serve a million sessions, so a session holds numbers. A number belongs to its name as long as
//! somebody holds it; with the last holder the name is forgotten and the number free, so that a directory's churn leaves
//! nothing behind.

use hashbrown::HashTable;
use parking_lot::RwLock;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock};

/// The names that the sessions of this process hold.
pub(super) static NAMES: LazyLock<Names> = LazyLock::new(Names::default);

/// A table of held names.
#[derive(Default)]
pub(super) struct Names {
    table: RwLock<Table>,
    /// Seeded: the names come from outside.
    hashing: RandomState,
}

#[derive(Default)]
struct Table {
    /// Numbers of held names, by the name's hash.
    numbers: HashTable<u32>,
    /// What a number stands for.
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    name: Option<Arc<str>>,
    holders: u32,
}

impl Names {
    /// Holds every name once more and gives their numbers; each must be released.
    pub(super) fn hold(&self, names: &[String]) -> Vec<u32> {
        if names.is_empty() {
            return Vec::new();
        }
        let mut table = self.table.write();
        names.iter().map(|name| table.hold(&self.hashing, name)).collect()
    }

    /// Lets go of what `hold` gave.
    pub(super) fn release(&self, numbers: impl Iterator<Item = u32>) {
        let mut numbers = numbers.peekable();
        if numbers.peek().is_none() {
            return;
        }
        let mut table = self.table.write();
        numbers.for_each(|number| table.release(&self.hashing, number));
    }

    /// The number of a name that somebody holds. Allocates nothing.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let hash = self.hashing.hash_one(name);
        let table = self.table.read();
        table.numbers.find(hash, |number| table.name(*number) == Some(name)).copied()
    }

    /// What a held number stands for. Allocates nothing.
    pub(super) fn name(&self, number: u32) -> Option<Arc<str>> {
        self.table.read().slots.get(number as usize)?.name.clone()
    }
}

impl Table {
    fn name(&self, number: u32) -> Option<&str> {
        self.slots.get(number as usize)?.name.as_deref()
    }

    fn hold(&mut self, hashing: &RandomState, name: &str) -> u32 {
        let hash = hashing.hash_one(name);
        let Self { numbers, slots, free } = self;
        let is_name =
            |number: &u32| slots.get(*number as usize).and_then(|s| s.name.as_deref()) == Some(name);
        if let Some(number) = numbers.find(hash, is_name).copied() {
            if let Some(slot) = slots.get_mut(number as usize) {
                slot.holders = slot.holders.saturating_add(1);
            }
            return number;
        }
        let held = Slot { name: Some(name.into()), holders: 1 };
        let number = match free.pop() {
            Some(number) => number,
            None => {
                slots.push(Slot::default());
                // Four thousand million different names held at once do not fit into memory.
                u32::try_from(slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(slot) = slots.get_mut(number as usize) {
            *slot = held;
        }
        numbers.insert_unique(hash, number, |number| {
            hashing.hash_one(slots.get(*number as usize).and_then(|s| s.name.as_deref()).unwrap_or_default())
        });
        number
    }

    fn release(&mut self, hashing: &RandomState, number: u32) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        slot.holders = slot.holders.saturating_sub(1);
        if slot.holders > 0 {
            return;
        }
        let Some(name) = slot.name.take() else { return };
        if let Ok(entry) = self.numbers.find_entry(hashing.hash_one(&*name), |known| *known == number) {
            entry.remove();
        }
        self.free.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn held(names: &Names) -> usize {
        names.table.read().numbers.len()
    }

    #[test]
    fn a_name_has_one_number_while_somebody_holds_it() {
        let names = Names::default();
        let first = names.hold(&strings(&["ops", "admins", "ops"]));
        let second = names.hold(&strings(&["admins"]));
        assert_eq!(first[0], first[2]);
        assert_eq!(first[1], second[0]);
        assert_eq!(names.number("admins"), Some(second[0]));
        assert_eq!(names.name(first[0]).as_deref(), Some("ops"));
        assert_eq!(names.number("Ops"), None, "case counts");
    }

    #[test]
    fn a_name_that_nobody_holds_is_forgotten() {
        let names = Names::default();
        let first = names.hold(&strings(&["ops", "ops", "admins"]));
        let second = names.hold(&strings(&["ops"]));
        names.release(first.into_iter());
        assert_eq!(names.number("ops"), Some(second[0]));
        assert_eq!(names.number("admins"), None);
        names.release(second.into_iter());
        assert_eq!(held(&names), 0);
    }

    #[test]
    fn numbers_are_used_again_so_that_churn_takes_no_memory() {
        let names = Names::default();
        for round in 0..10_000 {
            let numbers = names.hold(&[format!("group-{round}"), "constant".into()]);
            names.release(numbers.into_iter());
        }
        assert_eq!(held(&names), 0);
        assert_eq!(names.table.read().slots.len(), 2);
    }

    #[test]
    fn many_names_are_told_apart() {
        let names = Names::default();
        let all: Vec<String> = (0..5000).map(|n| format!("group-{n}")).collect();
        let numbers = names.hold(&all);
        for (name, number) in all.iter().zip(&numbers) {
            assert_eq!(names.number(name), Some(*number));
            assert_eq!(names.name(*number).as_deref(), Some(name.as_str()));
        }
        names.release(numbers.into_iter());
        assert_eq!(held(&names), 0);
    }
}
