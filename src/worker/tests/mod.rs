//! Workers in a simulation: paused time, simulated streams, both ways out, one worker and two.
//!
//! Every scenario ends with the same question: is anything left of connections that are gone?

mod clerk;
mod closing;
mod counted;
mod drain;
mod history;
mod house;
mod keys;
mod lookups;
mod passes;
mod peer;
mod pipe;
mod random;
mod reload;
mod replay;
mod rooms;
mod sign_in;
mod simulation;
mod slow;
mod users;
mod walls;
