//! Where a key stands: `identity_providers[0].label`, and its twin in the environment.

use std::fmt;

/// Before every environment variable of ours. The doubled underscore keeps Kubernetes' `VESTIBULE_PORT` out.
pub(super) const TWIN_PREFIX: &str = "VESTIBULE__";

/// The steps from the top to a key. A list's item is the step `[0]`: the same word is the item's key in the tree that
/// figment merges, see [`super::yaml`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path one step further down.
    pub(super) fn join(&self, step: impl Into<String>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// The path to an item of the list that stands here.
    pub(super) fn item(&self, index: usize) -> Self {
        self.join(item_key(index))
    }

    /// The same path where the list at the top has `by` more items before it; any other path as it is.
    pub(super) fn moved_down(&self, by: usize) -> Self {
        let mut steps = self.0.clone();
        if let Some(item) = steps.get_mut(1)
            && let Some(index) = item_index(item)
        {
            *item = item_key(index.saturating_add(by));
        }
        Self(steps)
    }

    /// From the top down.
    pub(super) fn steps(&self) -> &[String] {
        &self.0
    }

    /// The environment variable that says the same: `VESTIBULE__IDENTITY_PROVIDERS__0__LABEL`.
    pub(super) fn twin(&self) -> String {
        let steps: Vec<String> = self
            .0
            .iter()
            .map(|step| match item_index(step) {
                Some(index) => index.to_string(),
                None => step.to_ascii_uppercase(),
            })
            .collect();
        format!("{TWIN_PREFIX}{}", steps.join("__"))
    }
}

/// The key of a list's item: `[0]`.
pub(super) fn item_key(index: usize) -> String {
    format!("[{index}]")
}

/// The index, when the key is that of a list's item.
pub(super) fn item_index(key: &str) -> Option<usize> {
    let digits = key.strip_prefix('[')?.strip_suffix(']')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            let word = step.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            match (item_index(step), word) {
                (Some(_), _) => f.write_str(step)?,
                (None, false) => write!(f, "[{step:?}]")?,
                (None, true) if position == 0 => f.write_str(step)?,
                (None, true) => write!(f, ".{step}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it_and_has_its_twin() {
        let path = KeyPath::default().join("identity_providers").item(0).join("label");
        assert_eq!(path.to_string(), "identity_providers[0].label");
        assert_eq!(path.twin(), "VESTIBULE__IDENTITY_PROVIDERS__0__LABEL");
        assert_eq!(KeyPath::default().join("roles").join("CN=Ops").to_string(), r#"roles["CN=Ops"]"#);
    }

    #[test]
    fn only_digits_in_brackets_are_an_item() {
        assert_eq!(item_index("[12]"), Some(12));
        for not in ["[]", "[-1]", "[1", "1", "[+1]", "[a]"] {
            assert_eq!(item_index(not), None, "{not}");
        }
    }
}
