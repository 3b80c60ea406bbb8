//! The shapes of the states as pictures.

use std::io::Cursor;

use adit_sentence::Glyph;
use serde::Serialize;
use zbus::wire::{Type, Variant};

/// A picture as trays want it: ARGB32 in network byte order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type, Variant)]
pub(crate) struct Pixmap {
    width: i32,
    height: i32,
    argb: Vec<u8>,
}

/// The name of the symbolic icon, which a tray colours as its panel needs.
pub(crate) fn icon_name(glyph: Glyph) -> String {
    format!("adit-{}-symbolic", name(glyph))
}

/// For trays that do not find the icon by its name, in every size that panels have.
pub(crate) fn pixmaps(glyph: Glyph) -> Vec<Pixmap> {
    pictures(glyph).into_iter().filter_map(decode).collect()
}

macro_rules! pictures {
    ($name:literal) => {
        [
            include_bytes!(concat!("../../../../icons/state/adit-", $name, "-16.png")),
            include_bytes!(concat!("../../../../icons/state/adit-", $name, "-22.png")),
            include_bytes!(concat!("../../../../icons/state/adit-", $name, "-24.png")),
        ]
    };
}

fn name(glyph: Glyph) -> &'static str {
    match glyph {
        Glyph::Disconnected => "disconnected",
        Glyph::Waiting => "waiting",
        Glyph::Connecting => "connecting",
        Glyph::Connected => "connected",
        Glyph::Reasserting => "reasserting",
        Glyph::Impaired => "impaired",
        Glyph::Blocked => "blocked",
        Glyph::Problem => "problem",
        Glyph::ServiceMissing => "service-missing",
    }
}

fn pictures(glyph: Glyph) -> [&'static [u8]; 3] {
    let pictures: [&[u8]; 3] = match glyph {
        Glyph::Disconnected => pictures!("disconnected"),
        Glyph::Waiting => pictures!("waiting"),
        Glyph::Connecting => pictures!("connecting"),
        Glyph::Connected => pictures!("connected"),
        Glyph::Reasserting => pictures!("reasserting"),
        Glyph::Impaired => pictures!("impaired"),
        Glyph::Blocked => pictures!("blocked"),
        Glyph::Problem => pictures!("problem"),
        Glyph::ServiceMissing => pictures!("service-missing"),
    };
    pictures
}

fn decode(png: &[u8]) -> Option<Pixmap> {
    let mut reader = png::Decoder::new(Cursor::new(png)).read_info().ok()?;
    let mut rgba = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut rgba).ok()?;
    let width = i32::try_from(info.width).ok()?;
    let height = i32::try_from(info.height).ok()?;
    let argb = rgba.chunks_exact(4).flat_map(|pixel| [pixel[3], pixel[0], pixel[1], pixel[2]]);
    Some(Pixmap { width, height, argb: argb.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_shape_of_its_own_in_every_size() {
        let all = [
            Glyph::Disconnected,
            Glyph::Waiting,
            Glyph::Connecting,
            Glyph::Connected,
            Glyph::Reasserting,
            Glyph::Impaired,
            Glyph::Blocked,
            Glyph::Problem,
            Glyph::ServiceMissing,
        ];
        for (index, glyph) in all.into_iter().enumerate() {
            let shapes = pixmaps(glyph);
            assert_eq!(shapes.iter().map(|it| it.width).collect::<Vec<_>>(), [16, 22, 24]);
            for shape in &shapes {
                assert_eq!(
                    shape.argb.len(),
                    usize::try_from(shape.width * shape.height * 4).unwrap()
                );
            }
            // By its outline, not by its colour.
            let alpha = |shape: &Pixmap| shape.argb.iter().copied().step_by(4).collect::<Vec<_>>();
            for other in &all[..index] {
                assert_ne!(alpha(&shapes[0]), alpha(&pixmaps(*other)[0]), "{glyph:?} {other:?}");
            }
        }
    }
}
