//! Measures Vestibule beside its peers: the parts of the program `vestibule-bench`.

pub mod generator;
pub mod machine;
pub mod peer;
pub mod process;
pub mod report;
pub mod results;
pub mod scenario;
pub mod server;
pub mod syscalls;
pub mod token;
