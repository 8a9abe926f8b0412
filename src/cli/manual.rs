//! `vestibule completions` and `vestibule man`: made from the same definitions as `--help`.

use super::{
    args::{Cli, CompletionsArgs, ManArgs},
    outcome::{self, Failure},
};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const NAME: &str = "vestibule";

pub(super) fn completions(args: CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    outcome::print(&String::from_utf8_lossy(&script))
}

pub(super) fn man(args: ManArgs) -> Result<(), Failure> {
    let mut root = Cli::command();
    root.build();
    if let Some(folder) = args.out {
        return write_all(&root, NAME, &folder).map_err(|why| {
            Failure::Failed(format!("cannot write to {}: {why}", folder.display()))
        });
    }
    let mut command = root;
    let mut name = NAME.to_owned();
    for word in args.command {
        let Some(found) = command.find_subcommand(&word) else {
            return Err(Failure::Usage(format!("{name} has no command {word}: see {name} --help")));
        };
        command = found.clone();
        name = format!("{name}-{word}");
    }
    let page = page(&command, &name).map_err(|why| Failure::Failed(why.to_string()))?;
    outcome::print(&page)
}

/// A page for a command and for each below it, but not for the `help` of clap.
fn write_all(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    let path: PathBuf = folder.join(format!("{name}.1"));
    fs::write(path, page(command, name)?)?;
    command
        .get_subcommands()
        .filter(|below| below.get_name() != "help" && !below.is_hide_set())
        .try_for_each(|below| write_all(below, &format!("{name}-{}", below.get_name()), folder))
}

fn page(command: &Command, name: &str) -> io::Result<String> {
    let mut page = Vec::new();
    let command = command.clone().name(name.to_owned()).version(env!("CARGO_PKG_VERSION"));
    Man::new(command).manual("Vestibule").render(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    // Examples keep their lines, up to the section behind them.
    let (front, notes) = page.split_once(".SH EXTRA\n").unwrap_or((&page, ""));
    let (notes, rest) = notes.split_once(".SH ").unwrap_or((notes, ""));
    Ok(match notes {
        "" => front.to_owned(),
        _ => format!("{front}.SH NOTES\n.nf\n{notes}.fi\n.SH {rest}"),
    })
}
