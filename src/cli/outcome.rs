//! How a command ends: what is printed, and the exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Why a command did not do what was asked. The text is for people.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was tried and failed (1).
    Failed(String),
    /// The answer is no, and has been printed (1).
    Refused,
    /// What it was about is wrong, and that has been said (2).
    Faulty,
    /// It makes no sense as it was asked (2).
    Usage(String),
}

impl Failure {
    /// Why, for people; empty if that has been said.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Failed(why) | Self::Usage(why) => why,
            Self::Refused | Self::Faulty => String::new(),
        }
    }

    /// Says why on standard error and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Failed(why) => say(&why, 1),
            Self::Refused => ExitCode::from(1),
            Self::Faulty => ExitCode::from(2),
            Self::Usage(why) => say(&why, 2),
        }
    }
}

fn say(why: &str, code: u8) -> ExitCode {
    for line in why.lines() {
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(io::stderr(), "vestibule: {line}");
    }
    ExitCode::from(code)
}

/// Prints to standard output. A reader that has seen enough (`vestibule protocol | head`) is no
/// failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write to standard output: {why}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says something beside the answer, on standard error.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
