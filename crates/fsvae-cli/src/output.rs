//! How a command ends: exit codes, the one error message, and results on stdout.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use miette::{Diagnostic, Report};

use crate::CliError;

/// Runs a command and turns its outcome into an exit code: what it returns (0, or 1 for "no"), or 2 after printing its error on
/// stderr. clap's own usage errors exit with 2 as well.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     fsvae_cli::run(|| {
///         let bytes = fsvae_cli::read_file("model.mpk")?;
///         fsvae_cli::print(&format!("{} bytes\n", bytes.len()))?;
///         Ok(ExitCode::SUCCESS)
///     })
/// }
/// ```
pub fn run(command: impl FnOnce() -> Result<ExitCode, Report>) -> ExitCode {
    command().unwrap_or_else(|error| {
        let coloured = describe(error.as_ref(), true);
        // Without a terminal, or with NO_COLOR, anstream takes the colours out again. When stderr itself fails there is no one to tell.
        let _ = anstream::stderr().write_all(coloured.as_bytes());
        ExitCode::from(2)
    })
}

/// Prints a result on stdout. When the reader has closed the pipe (`| head`), the rest is dropped and the command goes on: its files
/// and its exit code do not depend on who reads its output.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Stdout { source }),
        _ => Ok(()),
    }
}

/// Prints the result of `--json`: one object on one line.
pub fn print_json(value: &serde_json::Value) -> Result<(), CliError> {
    print(&format!("{value}\n"))
}

/// The text of an error as [`run`] prints it: `error[CODE]: cause`, then causes further down, related errors and the remedy, one to
/// a line and indented.
pub fn describe(error: &dyn Diagnostic, colour: bool) -> String {
    let paint = |style: &str, text: &str| if colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() };
    let (red, cyan) = ("1;31", "36");
    let head = match error.code() {
        Some(code) => paint(red, &format!("error[{code}]")),
        None => paint(red, "error"),
    };
    let mut message = error.to_string();
    let mut text = format!("{head}: {}\n", indented(&message));
    let mut source = error.source();
    while let Some(cause) = source {
        // Many errors repeat their cause in their own message: say it once.
        let cause_text = cause.to_string();
        if !message.contains(&cause_text) {
            text += &format!("  {}: {}\n", paint(cyan, "caused by"), indented(&cause_text));
            message = cause_text;
        }
        source = cause.source();
    }
    for related in error.related().into_iter().flatten() {
        let code = related.code().map(|code| format!("[{code}] ")).unwrap_or_default();
        text += &format!("  - {code}{}\n", indented(&related.to_string()));
        if let Some(help) = related.help() {
            text += &format!("    {}: {}\n", paint(cyan, "help"), indented(&help.to_string()));
        }
    }
    if let Some(help) = error.help() {
        text += &format!("  {}: {}\n", paint(cyan, "help"), indented(&help.to_string()));
    }
    text
}

/// Further lines of a text stand under its first.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("the outer thing fails")]
    #[diagnostic(code(E099), help("do it\notherwise"))]
    struct Outer {
        source: Inner,
        #[related]
        parts: Vec<Part>,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the inner thing: {0}")]
    struct Inner(#[source] io::Error);

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("part {0} is wrong")]
    #[diagnostic(code(E098), help("mend it"))]
    struct Part(u32);

    #[test]
    fn an_error_prints_its_code_its_causes_once_and_its_remedy() {
        let error = Outer { source: Inner(io::Error::other("disk on fire")), parts: vec![Part(1)] };
        let expected = "error[E099]: the outer thing fails\n  caused by: the inner thing: disk on fire\n  - [E098] part 1 is wrong\n    \
                        help: mend it\n  help: do it\n    otherwise\n";
        assert_eq!(describe(&error, false), expected);
        assert_eq!(anstream::adapter::strip_str(&describe(&error, true)).to_string(), expected);
    }

    #[test]
    fn an_error_without_code_is_an_error() {
        assert_eq!(describe(Report::msg("no").as_ref(), false), "error: no\n");
    }

    #[test]
    fn exit_codes() {
        assert_eq!(run(|| Ok(ExitCode::from(1))), ExitCode::from(1));
        assert_eq!(run(|| Err(CliError::Stdout { source: io::Error::other("test") }.into())), ExitCode::from(2));
    }
}
