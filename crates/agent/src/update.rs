//! An update of the program that is running.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// What the kernel says of a program whose file was replaced.
const GONE: &[u8] = b" (deleted)";

/// The file that has taken the place of this program's.
pub(crate) fn replacement() -> Option<PathBuf> {
    let running = fs::read_link("/proc/self/exe").ok()?;
    let place = Path::new(OsStr::from_bytes(running.as_os_str().as_bytes().strip_suffix(GONE)?));
    place.is_file().then(|| place.into())
}
