//! Configurations of the administrator: a folder of profiles and of files of wg-quick, which come,
//! change and go with their files.

mod folder;
mod pairing;

pub(crate) use self::{
    folder::{ManagedFile, read},
    pairing::{Pair, pair},
};
