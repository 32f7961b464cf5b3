//! The edge over the wire: a real listener, real clients, and services that answer in memory.

mod client;
mod fake;
mod fleet;
mod manual;
mod rest;
mod rig;
mod sse;
mod web;
mod websocket;
