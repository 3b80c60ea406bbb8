//! A screen of a desktop session, and what can be seen on it.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use crate::desktop_session::DesktopSession;
use crate::process::Process;

const WIDTH: usize = 1280;
const HEIGHT: usize = 800;
const BYTES_PER_PIXEL: usize = 4;
/// Whatever is written on a screen reaches over more rows than that.
const SAMPLED: usize = 4;

/// The screen. It is switched off when dropped.
#[derive(Debug)]
pub struct Screen {
    display: String,
    /// All that can be seen, as `xwd` writes it: a head, then the pixels, row by row.
    pixels: File,
    head: usize,
    _server: Process,
}

impl DesktopSession {
    /// Switches on a screen. There is no window manager: windows are where they ask to be.
    #[must_use]
    #[track_caller]
    pub fn add_screen(&self) -> Screen {
        let folder = self.run("mktemp", &["--directory", "/run/desktop/screen.XXXXXX"]);
        let mut server = self.command("Xvfb");
        let size = format!("{WIDTH}x{HEIGHT}x24");
        server.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            &size,
            "-nolisten",
            "tcp",
            "-fbdir",
            &folder,
        ]);
        let server = self.machine().spawn_command(server);
        server.wait_for("name its display", |log| display(log).is_some());
        let file = format!("{folder}/Xvfb_screen0");
        let pixels = self.machine().enter(|| File::open(file)).expect("what the screen shows");
        let length = pixels.metadata().map_or(0, |file| file.len());
        let length = usize::try_from(length).unwrap_or_default();
        let head = length.checked_sub(WIDTH * HEIGHT * BYTES_PER_PIXEL).expect("the pixels");
        Screen {
            display: display(&server.log()).unwrap_or_default(),
            pixels,
            head,
            _server: server,
        }
    }
}

impl Screen {
    /// Has a program show its windows on this screen.
    pub(crate) fn show(&self, program: &mut Command) {
        program.arg(format!("DISPLAY={}", self.display)).arg("NO_AT_BRIDGE=1");
    }

    /// What stands in these columns: the same number as long as it looks the same.
    #[track_caller]
    pub fn look(&self, columns: Range<usize>) -> u64 {
        let mut row = vec![0; columns.len() * BYTES_PER_PIXEL];
        let mut hasher = DefaultHasher::new();
        for y in (0..HEIGHT).step_by(SAMPLED) {
            let start = self.head + (y * WIDTH + columns.start) * BYTES_PER_PIXEL;
            self.pixels.read_exact_at(&mut row, start as u64).expect("the pixels");
            hasher.write(&row);
        }
        hasher.finish()
    }

    /// All columns.
    #[must_use]
    pub fn columns(&self) -> Range<usize> {
        0..WIDTH
    }
}

/// What `-displayfd` writes.
fn display(log: &str) -> Option<String> {
    let number: u32 = log.lines().find_map(|line| line.trim().parse().ok())?;
    Some(format!(":{number}"))
}
