//! From text to graph.

use super::lexer::{Lexer, Token, is_bare};
use crate::{
    Connectivity, Decay, Kernel, LifGraph, Membrane, NeuronModel, PixelTable, Population, PopulationId, Projection, Rounding, Shape,
};
use std::str::FromStr;

/// Where and why a text is no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("line {line}: {message}")]
#[diagnostic(code(E018), help("see the documentation of lif_graph::text for the form of each line"))]
pub struct TextError {
    /// Counted from 1.
    pub line: usize,
    /// What was expected, and what was found.
    pub message: String,
}

impl LifGraph {
    /// Reads what [`to_text`](Self::to_text) wrote. Does not check the rules.
    ///
    /// # Errors
    /// At the first word that does not belong, with its line.
    pub fn from_text(text: &str) -> Result<Self, TextError> {
        let mut lexer = Lexer::new(text);
        let (ahead_line, ahead) = lexer.next();
        Parser { lexer, ahead, ahead_line, line: 1 }.graph()
    }
}

type Parsed<T> = Result<T, TextError>;

/// The projection's ends as written: they may name populations that come later.
struct Ends {
    line: usize,
    source: End,
    target: End,
}

enum End {
    Row(u32),
    Name(String),
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The next token, and its line.
    ahead: Result<Option<Token>, String>,
    ahead_line: usize,
    /// Line of the token that was read last.
    line: usize,
}

impl Parser<'_> {
    fn graph(mut self) -> Parsed<LifGraph> {
        self.keyword("graph")?;
        let name = self.name()?;
        let steps = self.figure("steps")?;
        let mut graph = LifGraph { name, steps, populations: vec![], projections: vec![] };
        let mut all_ends = vec![];
        while !matches!(self.ahead, Ok(None)) {
            match &self.word("`population` or `projection`")?[..] {
                "population" => graph.populations.push(self.population()?),
                "projection" => {
                    let (ends, projection) = self.projection()?;
                    all_ends.push(ends);
                    graph.projections.push(projection);
                }
                other => return self.fail(format!("expected `population` or `projection`, found `{}`", other.escape_debug())),
            }
        }
        for (index, ends) in all_ends.into_iter().enumerate() {
            let find = |end| match end {
                End::Row(row) => Ok(PopulationId(row)),
                End::Name(name) => graph
                    .find(&name)
                    .ok_or_else(|| TextError { line: ends.line, message: format!("there is no population `{}`", name.escape_debug()) }),
            };
            let (source, target) = (find(ends.source)?, find(ends.target)?);
            (graph.projections[index].source, graph.projections[index].target) = (source, target);
        }
        Ok(graph)
    }

    fn population(&mut self) -> Parsed<Population> {
        let name = self.name()?;
        let model = self.word("a neuron model")?;
        let line = self.line;
        let shape = self.shape()?;
        let model = match &model[..] {
            "lif" => NeuronModel::Lif { membrane: self.membrane()?, threshold: self.list("threshold")? },
            "select" => NeuronModel::Select { ways: self.figure("ways")? },
            "readout" => NeuronModel::Readout { membrane: self.membrane()?, pixels: PixelTable { levels: self.list("levels")? } },
            "source" => NeuronModel::Source,
            "draw" => NeuronModel::Draw { channel: self.figure("channel")? },
            other => {
                let message = format!("expected `lif`, `select`, `readout`, `source` or `draw`, found `{}`", other.escape_debug());
                return Err(TextError { line, message });
            }
        };
        Ok(Population { name, shape, model })
    }

    /// `channels x height x width` without spaces.
    fn shape(&mut self) -> Parsed<Shape> {
        let word = self.word("a shape such as 32x4x4")?;
        let sides: Option<Vec<u32>> = word.split('x').map(|side| side.parse().ok()).collect();
        match sides.as_deref() {
            Some(&[channels, height, width]) => Ok(Shape { channels, height, width }),
            _ => self.fail(format!("expected a shape such as 32x4x4, found `{}`", word.escape_debug())),
        }
    }

    fn membrane(&mut self) -> Parsed<Membrane> {
        self.keyword("decay")?;
        let decay = self.word("a decay such as 1024/2^12")?;
        let Some((multiplier, shift)) = decay.split_once("/2^").and_then(|(m, s)| Some((m.parse().ok()?, s.parse().ok()?))) else {
            return self.fail(format!("expected a decay such as 1024/2^12, found `{}`", decay.escape_debug()));
        };
        let rounding = match &self.word("a rounding")?[..] {
            "toward-zero" => Rounding::TowardZero,
            "floor" => Rounding::Floor,
            "ceiling" => Rounding::Ceiling,
            other => return self.fail(format!("expected `toward-zero`, `floor` or `ceiling`, found `{}`", other.escape_debug())),
        };
        let decay = Decay { multiplier, shift, rounding };
        Ok(Membrane { decay, input_shift: self.figure("shift")?, bits: self.figure("bits")?, bias: self.list("bias")? })
    }

    fn projection(&mut self) -> Parsed<(Ends, Projection)> {
        let name = self.name()?;
        let line = self.line;
        self.keyword("from")?;
        let source = self.end()?;
        self.keyword("to")?;
        let ends = Ends { line, source, target: self.end()? };
        let connectivity = match &self.word("a connectivity")?[..] {
            "dense" => Connectivity::Dense,
            "conv" => Connectivity::Conv2d(self.kernel()?),
            "conv-transpose" => Connectivity::ConvTranspose2d(self.kernel()?),
            "pick" => Connectivity::Pick,
            other => return self.fail(format!("expected `dense`, `conv`, `conv-transpose` or `pick`, found `{}`", other.escape_debug())),
        };
        let delay = self.figure("delay")?;
        let has_weights = connectivity != Connectivity::Pick || self.ahead == Ok(Some(Token::Word("weights".into())));
        let weights = if has_weights { self.list("weights")? } else { vec![] };
        let unknown = PopulationId(u32::MAX); // until all names are known
        Ok((ends, Projection { name, source: unknown, target: unknown, delay, connectivity, weights }))
    }

    fn kernel(&mut self) -> Parsed<Kernel> {
        Ok(Kernel {
            size: self.figure("size")?,
            stride: self.figure("stride")?,
            padding: self.figure("padding")?,
            output_padding: self.figure("output-padding")?,
        })
    }

    fn end(&mut self) -> Parsed<End> {
        if let Ok(Some(Token::Word(word))) = &self.ahead
            && let Some(row) = word.strip_prefix('#').and_then(|row| row.parse().ok())
        {
            self.advance()?;
            return Ok(End::Row(row));
        }
        self.name().map(End::Name)
    }
}

/// The small pieces. Each reads over what it returns; an error has the line of the word that is wrong.
impl Parser<'_> {
    fn advance(&mut self) -> Parsed<Option<Token>> {
        self.line = self.ahead_line;
        let (line, next) = self.lexer.next();
        self.ahead_line = line;
        std::mem::replace(&mut self.ahead, next).or_else(|message| self.fail(message))
    }

    fn fail<T>(&self, message: String) -> Parsed<T> {
        Err(TextError { line: self.line, message })
    }

    fn unexpected<T>(&self, expected: &str, found: Option<Token>) -> Parsed<T> {
        let found = found.map_or("the end".into(), |token| token.to_string());
        self.fail(format!("expected {expected}, found {found}"))
    }

    fn word(&mut self, expected: &str) -> Parsed<String> {
        match self.advance()? {
            Some(Token::Word(word)) => Ok(word),
            other => self.unexpected(expected, other),
        }
    }

    fn keyword(&mut self, keyword: &str) -> Parsed<()> {
        match self.advance()? {
            Some(Token::Word(word)) if word == keyword => Ok(()),
            other => self.unexpected(&format!("`{keyword}`"), other),
        }
    }

    fn name(&mut self) -> Parsed<String> {
        match self.advance()? {
            Some(Token::Quoted(name)) => Ok(name),
            Some(Token::Word(word)) if is_bare(&word) => Ok(word),
            other => self.unexpected("a name (in quotes if it has other characters than letters, digits and _.->+:/)", other),
        }
    }

    /// A keyword and its number.
    fn figure<T: FromStr>(&mut self, keyword: &str) -> Parsed<T> {
        self.keyword(keyword)?;
        self.number(keyword)
    }

    fn number<T: FromStr>(&mut self, meaning: &str) -> Parsed<T> {
        let word = self.word(&format!("a whole number for `{meaning}`"))?;
        word.parse().or_else(|_| self.fail(format!("`{}` is no whole number in the range of `{meaning}`", word.escape_debug())))
    }

    /// A keyword and numbers between brackets.
    fn list<T: FromStr>(&mut self, keyword: &str) -> Parsed<Vec<T>> {
        self.keyword(keyword)?;
        match self.advance()? {
            Some(Token::Open) => {}
            other => return self.unexpected(&format!("`[` after `{keyword}`"), other),
        }
        let mut values = vec![];
        if self.ahead == Ok(Some(Token::Close)) {
            self.advance()?;
            return Ok(values);
        }
        loop {
            values.push(self.number(keyword)?);
            match self.advance()? {
                Some(Token::Comma) => {}
                Some(Token::Close) => return Ok(values),
                other => return self.unexpected("`,` or `]`", other),
            }
        }
    }
}
