//! A list that cannot be empty: where the profile demands at least one, there is no list to forget to check.

/// At least one `T`.
#[derive(Debug, Clone)]
pub(super) struct OneOrMore<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> OneOrMore<T> {
    /// The items as such a list; `None` when there are none.
    pub(super) fn new(items: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut items = items.into_iter();
        Some(Self { first: items.next()?, rest: items.collect() })
    }

    /// The first of them, which is always there.
    pub(super) const fn first(&self) -> &T {
        &self.first
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_empty_one() {
        assert!(OneOrMore::<u8>::new([]).is_none());
        let two = OneOrMore::new([1, 2]).unwrap();
        assert_eq!(*two.first(), 1);
        assert_eq!(two.iter().copied().collect::<Vec<_>>(), [1, 2]);
    }
}
