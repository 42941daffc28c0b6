//! From text to words with line numbers.

/// A unit of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// Characters without a space or a quote.
    Word(String),
    /// What stood in quotes.
    Quoted(String),
    /// `[`.
    Open,
    /// `]`.
    Close,
    /// `,`.
    Comma,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{}`", word.escape_debug()),
            Self::Quoted(text) => write!(f, "the quoted {}", quoted(text)),
            Self::Open => f.write_str("`[`"),
            Self::Close => f.write_str("`]`"),
            Self::Comma => f.write_str("`,`"),
        }
    }
}

/// Whether a name needs no quotes.
pub fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.->+:/".contains(c))
}

/// A name in quotes; `\` before quotes and backslashes, and `\u{hex}` for control characters, so that a line stays a line.
pub fn quoted(name: &str) -> String {
    let mut text = String::from('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Reads one token after the other.
pub struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    /// At the start of line 1.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// The next token and its line; `None` at the end; an error tells what is wrong with the token.
    pub fn next(&mut self) -> (usize, Result<Option<Token>, String>) {
        self.skip_blank();
        let line = self.line;
        (line, self.token())
    }

    fn skip_blank(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            if c == ';' {
                self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
            } else if c.is_whitespace() {
                self.line += usize::from(c == '\n');
                self.rest = &self.rest[c.len_utf8()..];
            } else {
                break;
            }
        }
    }

    fn token(&mut self) -> Result<Option<Token>, String> {
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let single = match first {
            '[' => Some(Token::Open),
            ']' => Some(Token::Close),
            ',' => Some(Token::Comma),
            '"' => return self.quoted_name().map(Some),
            _ => None,
        };
        if let Some(token) = single {
            self.rest = &self.rest[1..];
            return Ok(Some(token));
        }
        let ends_word = |c: char| c.is_whitespace() || "[],\";".contains(c);
        let (word, rest) = self.rest.split_at(self.rest.find(ends_word).unwrap_or(self.rest.len()));
        self.rest = rest;
        Ok(Some(Token::Word(word.into())))
    }

    fn quoted_name(&mut self) -> Result<Token, String> {
        let mut name = String::new();
        let mut chars = self.rest[1..].chars();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => match chars.next() {
                    Some(c @ ('"' | '\\')) => name.push(c),
                    Some('u') => {
                        let (code, rest) = chars.as_str().split_once('}').ok_or("expected `}` after `\\u{`")?;
                        let digits = code.strip_prefix('{').ok_or("expected `{` after `\\u`")?;
                        let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                        name.push(c.ok_or_else(|| format!("`\\u{{{}}}` is no character", digits.escape_debug()))?);
                        chars = rest.chars();
                    }
                    _ => return Err("expected `\"`, `\\` or `u{...}` after `\\` in a quoted name".into()),
                },
                Some('\n') | None => return Err("a quoted name ends on its line with `\"`".into()),
                Some(c) => name.push(c),
            }
        }
        self.rest = chars.as_str();
        Ok(Token::Quoted(name))
    }
}
