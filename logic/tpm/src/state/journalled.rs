//! A value that can go back to what it was before the command.

/// The value, and while a command edits it, the one before.
pub(crate) struct Journalled<T> {
    now: T,
    before: Option<T>,
}

/// A second copy of a value that holds secrets; said aloud.
pub(crate) trait Duplicate {
    /// The copy.
    fn duplicate(&self) -> Self;
}

impl<T: Duplicate> Journalled<T> {
    /// `value`, unedited.
    pub(crate) fn new(value: T) -> Self {
        Self {
            now: value,
            before: None,
        }
    }

    /// The value.
    pub(crate) fn get(&self) -> &T {
        &self.now
    }

    /// The value, to be changed; the first time since it was kept the old one is put aside.
    pub(crate) fn edit(&mut self) -> &mut T {
        if self.before.is_none() {
            self.before = Some(self.now.duplicate());
        }
        &mut self.now
    }

    /// Whether it was edited since it was kept.
    pub(crate) fn is_edited(&self) -> bool {
        self.before.is_some()
    }

    /// What was edited stays.
    pub(crate) fn keep(&mut self) {
        self.before = None;
    }

    /// What was edited is as it was.
    pub(crate) fn restore(&mut self) {
        if let Some(before) = self.before.take() {
            self.now = before;
        }
    }
}
