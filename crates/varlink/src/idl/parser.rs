use std::{collections::BTreeMap, iter::Peekable, vec};

use super::{IdlError, Interface, MethodType, Type};

pub(super) fn parse(text: &str) -> Result<Interface, IdlError> {
    Parser { tokens: tokens(text).into_iter().peekable(), line: 1 }.interface()
}

struct Token<'a> {
    text: &'a str,
    line: usize,
}

const PUNCTUATION: [&str; 8] = ["->", "[]", "[string]", "(", ")", ":", ",", "?"];

/// Words and punctuation; an unknown character is a token of its own, which nothing expects.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.split('#').next().unwrap_or_default().trim();
        while !rest.is_empty() {
            let sign = PUNCTUATION.into_iter().find(|sign| rest.starts_with(sign));
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let unknown = rest.chars().next().map_or(0, char::len_utf8);
            let length = sign.map_or(word, str::len).max(if word == 0 { unknown } else { 0 });
            let (token, after) = rest.split_at(length);
            tokens.push(Token { text: token, line: index + 1 });
            rest = after.trim_start();
        }
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

struct Parser<'a> {
    tokens: Peekable<vec::IntoIter<Token<'a>>>,
    /// Of the last token taken.
    line: usize,
}

impl<'a> Parser<'a> {
    fn interface(mut self) -> Result<Interface, IdlError> {
        self.expect("interface", "`interface`")?;
        let name = self.word("the name of the interface")?.to_owned();
        let mut interface = Interface {
            name,
            types: BTreeMap::new(),
            methods: BTreeMap::new(),
            errors: BTreeMap::new(),
        };
        while self.tokens.peek().is_some() {
            match self.next() {
                Some("type") => {
                    let name = self.word("a name")?.to_owned();
                    interface.types.insert(name, self.parenthesised()?);
                }
                Some("method") => {
                    let name = self.word("a name")?.to_owned();
                    interface.methods.insert(name, self.method()?);
                }
                Some("error") => {
                    let name = self.word("a name")?.to_owned();
                    interface.errors.insert(name, self.parenthesised()?);
                }
                other => return Err(self.error("`type`, `method` or `error`", other)),
            }
        }
        Ok(interface)
    }

    fn method(&mut self) -> Result<MethodType, IdlError> {
        let parameters = self.parenthesised()?;
        self.expect("->", "`->`")?;
        let reply = self.parenthesised()?;
        Ok(MethodType { parameters, reply })
    }

    /// `(name: type, ...)`, a struct, or `(name, ...)`, an enum.
    fn parenthesised(&mut self) -> Result<Type, IdlError> {
        self.expect("(", "`(`")?;
        let (mut fields, mut names) = (Vec::new(), Vec::new());
        if self.take(")") {
            return Ok(Type::Struct(fields));
        }
        loop {
            let name = self.word("a name")?.to_owned();
            if names.is_empty() && self.take(":") {
                fields.push((name, self.kind()?));
            } else if fields.is_empty() {
                names.push(name);
            } else {
                let other = self.next();
                return Err(self.error("`:`", other));
            }
            match self.next() {
                Some(",") => {}
                Some(")") if names.is_empty() => return Ok(Type::Struct(fields)),
                Some(")") => return Ok(Type::Enum(names)),
                other => return Err(self.error("`,` or `)`", other)),
            }
        }
    }

    fn kind(&mut self) -> Result<Type, IdlError> {
        if self.take("?") {
            return Ok(Type::Optional(Box::new(self.kind()?)));
        }
        if self.take("[]") {
            return Ok(Type::Array(Box::new(self.kind()?)));
        }
        if self.take("[string]") {
            return Ok(Type::Map(Box::new(self.kind()?)));
        }
        if self.tokens.peek().is_some_and(|token| token.text == "(") {
            return self.parenthesised();
        }
        Ok(match self.word("a type")? {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "float" => Type::Float,
            "string" => Type::String,
            "object" => Type::Object,
            "any" => Type::Any,
            name => Type::Named(name.to_owned()),
        })
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.tokens.next()?;
        self.line = token.line;
        Some(token.text)
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.tokens.next_if(|token| token.text == text);
        self.line = taken.as_ref().map_or(self.line, |token| token.line);
        taken.is_some()
    }

    fn word(&mut self, expected: &'static str) -> Result<&'a str, IdlError> {
        match self.next() {
            Some(text) if text.chars().all(is_word) => Ok(text),
            other => Err(self.error(expected, other)),
        }
    }

    fn expect(&mut self, text: &str, expected: &'static str) -> Result<(), IdlError> {
        match self.next() {
            Some(found) if found == text => Ok(()),
            other => Err(self.error(expected, other)),
        }
    }

    fn error(&self, expected: &'static str, found: Option<&str>) -> IdlError {
        let found = found.unwrap_or("the end").to_owned();
        IdlError { line: self.line, expected, found }
    }
}
