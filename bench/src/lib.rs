//! Measures Vestibule beside its peers: the parts of the program `vestibule-bench`.

pub mod results;
