//! The chassis' transport over the wire: real servers, real connections, one process.

mod balance;
mod drain;
mod limits;
mod serving;
mod signals;
mod starvation;
mod support;
mod telemetry;
