//! Text for people, laid out in lines.

use adit_sentence::{Glyph, Sentence};

/// Lines of text. Control characters of whatever is put in are replaced, since some of it comes
/// from providers and servers and none of it may command a terminal.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    style: Style,
}

/// What may be put around the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    pub(crate) glyphs: bool,
    pub(crate) colours: bool,
}

/// Width of the column of labels.
const LABEL: usize = 12;

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Each line of `text`.
    pub(crate) fn line(&mut self, text: &str) {
        self.indented(0, text);
    }

    /// Each line of `text`, as a part of what stands above.
    pub(crate) fn part(&mut self, text: &str) {
        self.indented(2, text);
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A labelled value; nothing when the value is empty.
    pub(crate) fn field(&mut self, label: &str, value: &str) {
        let mut label = label;
        for line in value.lines() {
            self.part(&format!("{label:LABEL$}{line}"));
            label = "";
        }
    }

    /// A labelled list with an item a line.
    pub(crate) fn list<T: ToString>(&mut self, label: &str, items: impl IntoIterator<Item = T>) {
        let lines: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
        self.field(label, &lines.join("\n"));
    }

    /// A configuration and what is to be said about it, its name padded to `width`.
    pub(crate) fn state(&mut self, name: &str, width: usize, sentence: &Sentence) {
        self.glyph(sentence.glyph);
        self.line(&format!("{name:width$}  {}", sentence.text));
    }

    /// A shape before the line that follows.
    pub(crate) fn glyph(&mut self, glyph: Glyph) {
        if !self.style.glyphs {
            return;
        }
        let shape = glyph.shape();
        match glyph.colour().filter(|_| self.style.colours) {
            Some(colour) => self.text.extend(["\x1b[", colour, "m", shape, "\x1b[0m "]),
            None => self.text.extend([shape, " "]),
        }
    }

    fn indented(&mut self, indent: usize, text: &str) {
        for line in text.lines() {
            self.text.extend(std::iter::repeat_n(' ', indent));
            self.text.extend(line.trim_end().chars().map(harmless));
            self.text.push('\n');
        }
    }
}

/// The character, or what stands for it when it would command a terminal.
pub(crate) fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_put_in_commands_the_terminal() {
        let mut page = Page::new(Style { glyphs: true, colours: true });
        let text = "a\x1b]0;owned\x07\r\u{9b}2Jb".into();
        page.state("x\x1b[31m", 0, &Sentence { glyph: Glyph::Disconnected, text });
        let text = page.into_text();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }

    #[test]
    fn shapes_and_colours_appear_only_where_they_may() {
        let draw = |glyphs, colours| {
            let mut page = Page::new(Style { glyphs, colours });
            let text = "Up.".into();
            page.state("a", 3, &Sentence { glyph: Glyph::Connected, text });
            page.into_text()
        };
        assert_eq!(draw(false, false), "a    Up.\n");
        assert_eq!(draw(true, false), "● a    Up.\n");
        assert_eq!(draw(true, true), "\x1b[32m●\x1b[0m a    Up.\n");
    }
}
