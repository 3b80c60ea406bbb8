use std::os::fd::OwnedFd;

/// The file descriptors that came with a message, which names each by its index.
#[derive(Debug)]
pub struct Descriptors(Vec<Option<OwnedFd>>);

impl Descriptors {
    /// Takes the one with this index. Once: `None` if it was taken before, or never came.
    pub fn take(&mut self, index: usize) -> Option<OwnedFd> {
        self.0.get_mut(index)?.take()
    }
}

impl From<Vec<OwnedFd>> for Descriptors {
    fn from(fds: Vec<OwnedFd>) -> Self {
        Self(fds.into_iter().map(Some).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once_and_by_its_index() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut descriptors = Descriptors::from(vec![reader.into(), writer.into()]);
        drop(descriptors.take(1).unwrap());
        assert!(descriptors.take(1).is_none() && descriptors.take(2).is_none());
        assert!(descriptors.take(0).is_some());
    }
}
